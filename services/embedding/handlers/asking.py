"""How an embedding server is asked: until each text has a vector, or is itself to blame."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from services.embedding.domain.adaptive_batch_size import AdaptiveBatchSize
from services.embedding.domain.backoff import Backoff, ServerHealth
from services.embedding.handlers.recall import Recall, Ticket
from services.embedding.ports import Embedder, EmbedderUnavailableError, TextsRejectedError
from shared.usable_vectors import UNUSABLE, usable_rows

CANARY = "The quick brown fox jumps over the lazy dog."
"""A text that every server can embed: it tells a poisonous text from a sick server, and another
model from the one before."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How texts are prepared and how many requests run at once."""

    request_bytes: int = 1 << 20
    max_chars: int = 32_000
    normalise: bool = True


@dataclass(slots=True)
class Work:
    """The texts of some batches, each once, on their way to vectors."""

    collection: str
    texts: Sequence[str]
    ticket: Ticket | None = None
    """Whether the vectors that come are kept."""
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
    recall: Recall | None = None
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    batch_size: AdaptiveBatchSize = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "batch_size", AdaptiveBatchSize.full(self.embedder.max_texts))


async def embed_positions(work: Work, positions: Sequence[int], encoder: Encoder) -> None:
    """Embed some texts; halve the request until it is answered, or a refused text stands alone."""
    fault = None
    if len(positions) <= encoder.batch_size.most:
        try:
            fault = await _try_in_health(work, positions, encoder)
        except EmbedderUnavailableError as error:
            if len(positions) == 1:
                raise  # there is nothing to halve: it must not be left without vector and fault
            note_blocked(str(error), encoder)
            encoder.batch_size.too_long(len(positions))
        else:
            if fault is None:
                return
    if len(positions) > 1:
        middle = len(positions) // 2
        await embed_positions(work, positions[:middle], encoder)
        await embed_positions(work, positions[middle:], encoder)
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
            await _take(vectors, work, positions, encoder)
            return None


async def _take(
    vectors: NDArray[np.float32], work: Work, positions: Sequence[int], encoder: Encoder
) -> None:
    encoder.health.blocked = None
    encoder.batch_size.in_time(len(positions))
    encoder.health.dimensions.setdefault(work.collection, vectors.shape[1])
    work.rows.update(zip(positions, vectors, strict=True))
    if encoder.recall and work.ticket:
        texts = (work.texts[place] for place in positions)
        await encoder.recall.keep(work.ticket, dict(zip(texts, vectors, strict=True)))


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
        await ask_canary(collection, encoder)
    except (EmbedderUnavailableError, TextsRejectedError) as error:
        note_blocked(f"the server fails even for a plain sentence: {error}", encoder)
        await encoder.sleep(encoder.backoff.longest_s)
        return False
    return True


async def ask_canary(collection: str, encoder: Encoder) -> NDArray[np.float32]:
    """Return the vector (d,) of the canary.

    Raises:
        EmbedderUnavailableError: The server is away, or another model answers.
        TextsRejectedError: It refuses it, or gives nothing that can be used.
    """
    async with encoder.slots:
        vectors = await encoder.embedder.embed([CANARY])
    _require_dimension(vectors, collection, encoder)
    if not usable_rows(vectors).all():
        raise TextsRejectedError(UNUSABLE)
    vector: NDArray[np.float32] = vectors[0]
    return vector


def note_blocked(reason: str, encoder: Encoder) -> None:
    """Note that nothing can be embedded: who answers next may be another model."""
    encoder.health.blocked = reason
    if encoder.recall:
        encoder.recall.doubt()


async def _pause(encoder: Encoder, failures: int, error: EmbedderUnavailableError | None) -> None:
    asked_s = error.retry_after_s if error else None
    if error:
        note_blocked(str(error), encoder)
    jitter = random.random()  # noqa: S311  spreads tries, guards nothing
    await encoder.sleep(encoder.backoff.pause_s(failures, jitter=jitter, asked_s=asked_s))
