"""What the service does with a batch: every text becomes a vector or a dead letter."""

from collections.abc import Collection, Sequence
from functools import partial
from itertools import chain

import numpy as np
import pyarrow as pa
import structlog

from services.embedding.domain.texts import cut_requests
from services.embedding.domain.vectors import normalise
from services.embedding.handlers.asking import (
    Encoder,
    Work,
    ask_canary,
    embed_positions,
    note_blocked,
)
from services.embedding.ports import EmbedderUnavailableError
from shared.bus.messages.outgoing import Steps, outgoing_batch
from shared.bus.publishing.dead_letters import outgoing_dead_letter
from shared.bus.registry.batches import EMBEDDING_BATCH
from shared.contracts.batches import Batch, vector_array
from shared.contracts.dead_batches import dead_record
from shared.contracts.dead_letters import DeadLetter
from shared.embedded_text import prepare
from shared.observability.steps import step
from shared.task_groups import TaskGroup

STAGE = "embedding"
log = structlog.get_logger(__name__)


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
        [prepare(text, encoder.limits.max_chars) for text in batch.rows["text"].to_pylist()]
        for batch in batches
    ]
    places = {text: place for place, text in enumerate(dict.fromkeys(chain(*texts)))}
    work = Work(batches[0].descriptor.collection, list(places))
    fresh = {
        places[text]
        for batch, some in zip(batches, texts, strict=True)
        if batch.descriptor.is_fresh
        for text in some
    }
    await _recall(work, fresh, encoder)
    wanted = [place for place in range(len(work.texts)) if place not in work.rows]
    encoder.health.recalled += len(work.rows)
    requests = cut_requests(
        [work.texts[place] for place in wanted],
        encoder.batch_size.most,
        encoder.limits.request_bytes,
    )
    async with TaskGroup() as group:
        for positions in requests:
            group.create_task(embed_positions(work, [wanted[p] for p in positions], encoder))
    embedded, dead = list[Batch](), list[DeadLetter]()
    for batch, some in zip(batches, texts, strict=True):
        rows = [places[text] for text in some]
        embedded.append(_with_vectors(batch, rows, work, encoder))
        dead += [
            dead_record(batch, row, work.faults[place], stage=STAGE)
            for row, place in enumerate(rows)
            if place in work.faults
        ]
    encoder.health.texts += sum(map(len, embedded))
    encoder.health.rejected += len(dead)
    return embedded, dead


async def _recall(work: Work, fresh: Collection[int], encoder: Encoder) -> None:
    """Take the vectors that are known from before, if the server is the same as then.

    Those of places that are to be fresh are asked for, and kept instead of what is known.
    """
    if encoder.recall is None or encoder.health.blocked:
        return
    try:
        ask = partial(ask_canary, work.collection, encoder)
        work.ticket = await encoder.recall.ticket(ask)
    except EmbedderUnavailableError as error:
        note_blocked(str(error), encoder)
        return
    if work.ticket is None:
        return
    wanted = [text for place, text in enumerate(work.texts) if place not in fresh]
    known = await encoder.recall.find(work.ticket, wanted)
    dimension = encoder.health.dimensions.get(work.collection)
    for place, text in enumerate(work.texts):
        vector = known.get(text)
        if vector is not None and len(vector) == (dimension or len(vector)):
            dimension = encoder.health.dimensions.setdefault(work.collection, len(vector))
            work.rows[place] = vector


def _with_vectors(batch: Batch, places: Sequence[int], work: Work, encoder: Encoder) -> Batch:
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
