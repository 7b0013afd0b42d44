"""Tells what became of each batch of a micro-batch, and what is stored of it since."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from services.writing.domain.micro_batch import Verdict
from services.writing.domain.stored_state import StoreState
from services.writing.ports import DatasetStore
from shared.bus.messages.outgoing import of_epoch
from shared.clock import Clock
from shared.contracts.batches import Batch
from shared.contracts.writing import (
    CommittedBatch,
    SettledAs,
    SettledBatch,
    WritingCommitted,
    WritingSettled,
)
from shared.vector_checksum import vector_checksum

NO_ROWS = (0, vector_checksum(np.zeros((0, 0), np.float32)))


@dataclass(frozen=True, slots=True, eq=False)
class Decided:
    """A batch that came, and what was decided on it; none: it can never be stored."""

    batch: Batch
    verdict: Verdict | None

    @property
    def key(self) -> tuple[str, int]:
        """The batch in its version."""
        return self.batch.descriptor.batch_id, self.batch.descriptor.source_version


async def settle(
    decided: Sequence[Decided], state: StoreState, *, store: DatasetStore, clock: Clock
) -> WritingSettled:
    """Say what is stored of each batch that came, since a commit.

    A copy of a batch says nothing of the first one: of what was there before, the store is asked.

    Args:
        decided: All that came, at least one.
        state: What the store holds since the commit.
        store: The dataset.
        clock: Dates the event.

    Raises:
        TransientError: The store could not be read.
    """
    held = await _held(decided, state, store)
    batches = {}
    for one in decided:
        records, checksum = held.get(one.key, NO_ROWS)
        facts = one.batch.descriptor
        batches[one.key] = SettledBatch(
            batch_id=facts.batch_id,
            source_id=facts.source_id,
            source_version=facts.source_version,
            verdict=_settled_as(one, is_held=one.key in held),
            records=records,
            checksum=checksum,
        )
    told = tuple(batches.values())
    first = decided[0].batch.descriptor
    return WritingSettled(
        id=WritingSettled.id_of(_digest([*_sendings(decided), *map(repr, told)])),
        collection=first.collection,
        occurred_at=clock.now(),
        batches=told,
        dataset_version=state.dataset_version,
    )


def committed(decided: Sequence[Decided], settled: WritingSettled) -> WritingCommitted | None:
    """Say the same to anybody; nothing if no batch could be stored.

    Repeated ones are told too, for their first news may be lost.
    """
    valid = [one for one in decided if one.verdict is not None]
    keys = {one.key for one in valid}
    batches = tuple(
        CommittedBatch(
            batch_id=one.batch_id,
            source_id=one.source_id,
            source_version=one.source_version,
            records=one.records,
        )
        for one in settled.batches
        if (one.batch_id, one.source_version) in keys
    )
    if not batches:
        return None
    return WritingCommitted(
        id=WritingCommitted.id_of(_digest(_sendings(valid))),
        collection=settled.collection,
        occurred_at=settled.occurred_at,
        batches=batches,
        dataset_version=settled.dataset_version,
    )


async def _held(
    decided: Sequence[Decided], state: StoreState, store: DatasetStore
) -> Mapping[tuple[str, int], tuple[int, str]]:
    """Return rows and checksum of each batch of which there are rows in its version."""
    held = {
        one.key: (len(one.batch), vector_checksum(one.batch.vectors))
        for one in decided
        if one.verdict is Verdict.APPEND and len(one.batch)
    }
    versions, sources = dict[str, int](), dict[str, str]()
    for one in decided:
        facts = one.batch.descriptor
        source = state.sources.get(facts.source_id)
        is_there = source and source.batches.get(facts.batch_id) == facts.source_version
        if is_there and one.key not in held:
            versions[facts.batch_id], sources[facts.batch_id] = one.key[1], facts.source_id
    async for rows in store.rows_in(sources):
        key = rows.batch_id, versions[rows.batch_id]
        held[key] = len(rows.vectors), vector_checksum(rows.vectors)
    return held


def _settled_as(one: Decided, *, is_held: bool) -> SettledAs:
    if one.verdict is Verdict.SUPERSEDED:
        return "superseded"
    return "refused" if one.verdict is None and not is_held else "stored"


def _sendings(decided: Sequence[Decided]) -> Iterator[str]:
    """Name what was sent: whoever hears of its points once more waits for their commit, too."""
    for one in decided:
        facts = one.batch.descriptor
        yield of_epoch(f"{facts.delivery_id} {facts.source_version}", facts.epoch)


def _digest(parts: Iterator[str] | Sequence[str]) -> str:
    return hashlib.sha256("\n".join(dict.fromkeys(parts)).encode()).hexdigest()
