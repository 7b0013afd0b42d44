"""What the service does with a batch: every text becomes a vector or a dead letter."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import structlog
from numpy.typing import NDArray

from services.embedding.domain.adaptive_batch_size import AdaptiveBatchSize
from services.embedding.domain.backoff import Backoff, ServerHealth
from services.embedding.domain.texts import cut_requests, prepare
from services.embedding.domain.vectors import normalise
from services.embedding.ports import Embedder, EmbedderUnavailableError, TextsRejectedError
from shared.bus.messages.outgoing import Steps, outgoing_batch
from shared.bus.publishing.dead_letters import outgoing_dead_letter
from shared.bus.registry.batches import EMBEDDING_BATCH
from shared.contracts.batches import Batch, vector_array
from shared.contracts.dead_batches import dead_record
from shared.contracts.dead_letters import DeadLetter
from shared.observability.steps import step
from shared.usable_vectors import UNUSABLE, usable_rows

CANARY = "The quick brown fox jumps over the lazy dog."
"""A text that every server can embed: it tells a poisonous text from a sick server."""

STAGE = "embedding"
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """How texts are prepared and how many requests run at once."""

    request_bytes: int = 1 << 20
    max_chars: int = 32_000
    normalise: bool = True


@dataclass(slots=True)
class Work:
    """The texts of some batches on their way to vectors."""

    collection: str
    texts: Sequence[str]
    rows: dict[int, NDArray[np.float32]] = field(default_factory=dict)
    """Position to vector (d,)."""
    faults: dict[int, str] = field(default_factory=dict)
    """Position to the reason why it has none."""


@dataclass(frozen=True, slots=True)
class Encoder:
    """An embedding server, how much it is asked for at once, and how long for."""

    embedder: Embedder
    slots: asyncio.Semaphore
    limits: Limits = field(default_factory=Limits)
    backoff: Backoff = field(default_factory=Backoff)
    health: ServerHealth = field(default_factory=ServerHealth)
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    batch_size: AdaptiveBatchSize = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "batch_size", AdaptiveBatchSize.full(self.embedder.max_texts))


async def embed(batches: Sequence[Batch], *, encoder: Encoder) -> Steps:
    """Embed batches; see ``embed_batches``."""
    with step("embed"):
        embedded, dead = await embed_batches(batches, encoder=encoder)
    for letter in dead:
        log.error("record.buried", file=letter.filename, line=letter.line, reason=letter.reason)
    # The letters first: their records must not be missing in a batch without being told of.
    yield [
        *map(outgoing_dead_letter, dead),
        *(outgoing_batch(EMBEDDING_BATCH, batch) for batch in embedded),
    ]


async def embed_batches(
    batches: Sequence[Batch], *, encoder: Encoder
) -> tuple[list[Batch], list[DeadLetter]]:
    """Embed the texts of batches of one collection, those of small ones in one request.

    Waits through an outage of the server for as long as it lasts.

    Returns:
        The batches with column ``vector``, without the records that the server cannot embed; and
        these as dead letters. The same batch gives the same descriptor.
    """
    texts = [
        prepare(text, encoder.limits.max_chars)
        for batch in batches
        for text in batch.rows["text"].to_pylist()
    ]
    work = Work(batches[0].descriptor.collection, texts)
    async with asyncio.TaskGroup() as group:
        for positions in cut_requests(
            texts, encoder.batch_size.most, encoder.limits.request_bytes
        ):
            group.create_task(_embed_positions(work, positions, encoder))
    encoder.health.texts += len(work.rows)
    encoder.health.rejected += len(work.faults)
    embedded, dead = list[Batch](), list[DeadLetter]()
    start = 0
    for batch in batches:
        places = range(start, start + len(batch))
        start = places.stop
        embedded.append(_with_vectors(batch, places, work, encoder))
        dead += [
            dead_record(batch, row, work.faults[place], stage=STAGE)
            for row, place in enumerate(places)
            if place in work.faults
        ]
    return embedded, dead


async def _embed_positions(work: Work, positions: Sequence[int], encoder: Encoder) -> None:
    """Embed some texts; halve the request until it is answered, or a refused text stands alone."""
    fault = None
    if len(positions) <= encoder.batch_size.most:
        try:
            fault = await _try_in_health(work, positions, encoder)
        except EmbedderUnavailableError as error:
            encoder.health.blocked = str(error)
            encoder.batch_size.too_long(len(positions))
        else:
            if fault is None:
                return
    if len(positions) > 1:
        middle = len(positions) // 2
        await _embed_positions(work, positions[:middle], encoder)
        await _embed_positions(work, positions[middle:], encoder)
    elif fault is not None:
        await _judge(work, positions[0], fault, encoder)


async def _try_in_health(
    work: Work, positions: Sequence[int], encoder: Encoder
) -> TextsRejectedError | None:
    """Send a request of several texts, again and again while a plain sentence fails as well.

    Else a server that fails for everybody would be asked for every text by itself before anybody
    was told.

    Returns:
        None if the vectors are there; else why the texts were refused.

    Raises:
        EmbedderUnavailableError: The server is too slow for so many texts.
    """
    while True:
        fault = await _try_request(work, positions, encoder)
        is_clear = fault is None or not fault.ambiguous or len(positions) == 1
        if is_clear or await _is_well(work.collection, encoder):
            return fault


async def _judge(work: Work, position: int, fault: TextsRejectedError, encoder: Encoder) -> None:
    """Blame a text that is refused again and again while the canary passes in between.

    One refusal after a passed canary is not enough: servers come and go.
    """
    refused: TextsRejectedError | None = fault
    refusals = 0
    while refused:
        if not await _is_well(work.collection, encoder):
            refusals = 0
        elif refusals >= encoder.backoff.refusals_to_blame:
            work.faults[position] = str(refused)
            return
        refused = await _try_request(work, [position], encoder)
        refusals += 1


async def _try_request(
    work: Work, positions: Sequence[int], encoder: Encoder
) -> TextsRejectedError | None:
    """Send one request, again and again while the server is away.

    Returns:
        None if the vectors are there; else why the texts were refused.

    Raises:
        EmbedderUnavailableError: The server is too slow for so many texts.
    """
    failures = 0
    while True:
        try:
            async with encoder.slots:
                vectors = await encoder.embedder.embed([work.texts[p] for p in positions])
            _require_dimension(vectors, work.collection, encoder)
            if not usable_rows(vectors).all():
                raise TextsRejectedError(UNUSABLE)
        except EmbedderUnavailableError as error:
            if error.is_slow and len(positions) > 1:
                raise
            failures += 1
            await _pause(encoder, failures, error)
        except TextsRejectedError as error:
            failures += 1
            if not error.ambiguous or failures > encoder.backoff.tries_when_ambiguous:
                return error
            await _pause(encoder, failures, None)
        else:
            encoder.health.blocked = None
            encoder.batch_size.in_time(len(positions))
            encoder.health.dimensions.setdefault(work.collection, vectors.shape[1])
            work.rows.update(zip(positions, vectors, strict=True))
            return None


def _require_dimension(vectors: NDArray[np.float32], collection: str, encoder: Encoder) -> None:
    """Check that vectors fit to those that the collection has.

    Raises:
        EmbedderUnavailableError: They do not, whatever the texts: it is another model that
            answers.
    """
    known = encoder.health.dimensions.get(collection, vectors.shape[1])
    if vectors.shape[1] != known:
        raise EmbedderUnavailableError(
            f"the server's vectors have {vectors.shape[1]} dimensions, those of collection "
            f"'{collection}' have {known}: check embedding.url and embedding.model, or use "
            "another collection for another model"
        )


async def _is_well(collection: str, encoder: Encoder) -> bool:
    """Tell whether the server can embed the canary; if it cannot, pause as in an outage."""
    try:
        async with encoder.slots:
            vectors = await encoder.embedder.embed([CANARY])
        _require_dimension(vectors, collection, encoder)
        if usable_rows(vectors).all():
            return True
        problem = UNUSABLE
    except (EmbedderUnavailableError, TextsRejectedError) as error:
        problem = str(error)
    encoder.health.blocked = f"the server fails even for a plain sentence: {problem}"
    await encoder.sleep(encoder.backoff.longest_s)
    return False


async def _pause(encoder: Encoder, failures: int, error: EmbedderUnavailableError | None) -> None:
    asked_s = error.retry_after_s if error else None
    if error:
        encoder.health.blocked = str(error)
    jitter = random.random()  # noqa: S311  spreads tries, guards nothing
    await encoder.sleep(encoder.backoff.pause_s(failures, jitter=jitter, asked_s=asked_s))


def _with_vectors(batch: Batch, places: range, work: Work, encoder: Encoder) -> Batch:
    """Give a batch, whose texts have these places in the work, the vectors of them."""
    kept = [row for row, place in enumerate(places) if place in work.rows]
    rows = batch.rows if len(kept) == len(batch) else batch.rows.take(pa.array(kept, pa.int64()))
    if kept:
        vectors = np.stack([work.rows[places[row]] for row in kept])
    else:
        dimension = encoder.health.dimensions.get(work.collection, 1)
        vectors = np.empty((0, dimension), dtype=np.float32)
    if encoder.limits.normalise:
        vectors = normalise(vectors)
    column = vector_array(vectors)
    rows = rows.append_column(pa.field("vector", column.type, nullable=False), column)
    embedder = {"embedder": encoder.embedder.model}
    return Batch(batch.descriptor.model_copy(update=embedder), rows)
