"""Tells what became of each batch of a micro-batch, and what is stored of it since."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from services.writing.domain.micro_batch import Verdict
from services.writing.domain.stored_state import StagedSource, StoreState
from services.writing.handlers.staged import Key, Rows, key_of, rows_of
from services.writing.ports import DatasetStore
from shared.bus.messages.outgoing import of_epoch
from shared.clock import Clock
from shared.contracts.batches import Batch
from shared.contracts.writing import (
    CommittedBatch,
    MovedRows,
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
    def key(self) -> Key:
        """The batch in its version."""
        return key_of(self.batch)


@dataclass(frozen=True, slots=True, eq=False)
class News:
    """What is to be told of a micro-batch."""

    came: Sequence[Decided]
    """All that came, at least one."""
    shown: Mapping[str, int]
    """Source id to version: of these, all that is stored is told."""
    gone: Mapping[str, StagedSource]
    """What had waited and goes unseen, by source id."""
    rows: Mapping[Key, Rows]
    """What is known of batches that wait, or that waited and are stored now."""
    moved: Mapping[Key, int] = field(default_factory=dict)
    """How many rows a source has by each batch that moves one."""


async def settle(
    news: News, state: StoreState, *, store: DatasetStore, clock: Clock
) -> WritingSettled:
    """Say what is stored of each batch that came, or had waited, since a commit.

    A copy of a batch says nothing of the first one: of what was there before, the store is asked.

    Args:
        news: What is told of.
        state: What the store holds since the commit.
        store: The dataset.
        clock: Dates the event.

    Raises:
        TransientError: The store could not be read.
    """
    sources = _told(news, state)
    held = await _held(news, sources, state, store)
    verdicts = {one.key: _settled_as(one, is_held=one.key in held) for one in news.came}
    gone = {(name, one.version) for one in news.gone.values() for name in one.batches}
    moves = {one.key: _moved(one, news) for one in news.came if one.key in news.moved}
    told = []
    for key, source_id in sources.items():
        records, checksum = held.get(key, NO_ROWS)
        told.append(
            SettledBatch(
                batch_id=key[0],
                source_id=source_id,
                source_version=key[1],
                verdict=verdicts.get(key, "superseded" if key in gone else "stored"),
                records=records,
                checksum=checksum,
                moved=moves.get(key),
            )
        )
    first = news.came[0].batch.descriptor
    return WritingSettled(
        id=WritingSettled.id_of(_digest([*_sendings(news.came), *map(repr, told)])),
        collection=first.collection,
        occurred_at=clock.now(),
        batches=tuple(told),
        dataset_version=state.dataset_version,
    )


def _moved(one: Decided, news: News) -> MovedRows | None:
    """Say of a batch that moves a source what came of that."""
    before = one.batch.descriptor.moved_from
    if before is None:
        return None
    return MovedRows(
        source_id=before.source_id,
        source_version=before.source_version,
        batch_id=before.batch_id,
        records=news.moved[one.key],
    )


def _told(news: News, state: StoreState) -> dict[Key, str]:
    """List the batches that are told of, with their sources; what shows others comes last."""
    told: dict[Key, str] = {}
    for source, version in news.shown.items():
        held = state.sources[source].batches if source in state.sources else {}
        told |= {(name, version): source for name, its in held.items() if its == version}
    for source, one in news.gone.items():
        told |= {(name, one.version): source for name in one.batches}
    return told | {one.key: one.batch.descriptor.source_id for one in news.came}


def committed(decided: Sequence[Decided], settled: WritingSettled) -> WritingCommitted | None:
    """Say the same to anybody; nothing if no batch could be stored.

    Repeated ones are told too, for their first news may be lost.
    """
    valid = [one for one in decided if one.verdict is not None]
    never = {one.key for one in decided} - {one.key for one in valid}
    batches = tuple(
        CommittedBatch(
            batch_id=one.batch_id,
            source_id=one.source_id,
            source_version=one.source_version,
            records=one.moved.records if one.moved else one.records,
        )
        for one in settled.batches
        if one.verdict != "staged" and (one.batch_id, one.source_version) not in never
    )
    if not (valid and batches):
        return None
    return WritingCommitted(
        id=WritingCommitted.id_of(_digest(_sendings(valid))),
        collection=settled.collection,
        occurred_at=settled.occurred_at,
        batches=batches,
        dataset_version=settled.dataset_version,
    )


async def _held(
    news: News, told: Mapping[Key, str], state: StoreState, store: DatasetStore
) -> Mapping[Key, Rows]:
    """Return rows and checksum of each batch of which there are rows in its version."""
    held = {
        **news.rows,
        **{
            one.key: rows_of(one.batch)
            for one in news.came
            if one.verdict is Verdict.APPEND and len(one.batch)
        },
    }
    versions, sources = dict[str, int](), dict[str, str]()
    for key, source_id in told.items():
        source = state.sources.get(source_id)
        is_there = source and source.batches.get(key[0]) == key[1]
        if is_there and key not in held:
            versions[key[0]], sources[key[0]] = key[1], source_id
    async for rows in store.rows_in(sources):
        key = rows.batch_id, versions[rows.batch_id]
        held[key] = len(rows.vectors), vector_checksum(rows.vectors)
    return held


def _settled_as(one: Decided, *, is_held: bool) -> SettledAs:
    if one.verdict is Verdict.SUPERSEDED:
        return "superseded"
    if one.verdict is Verdict.STAGE:
        return "staged"
    return "refused" if one.verdict is None and not is_held else "stored"


def _sendings(decided: Sequence[Decided]) -> Iterator[str]:
    """Name what was sent: whoever hears of its points once more waits for their commit, too."""
    for one in decided:
        facts = one.batch.descriptor
        yield of_epoch(f"{facts.delivery_id} {facts.source_version}", facts.epoch)


def _digest(parts: Iterator[str] | Sequence[str]) -> str:
    return hashlib.sha256("\n".join(dict.fromkeys(parts)).encode()).hexdigest()
