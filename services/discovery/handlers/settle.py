"""Keeps the accounts: what was published, what arrived, what was lost, what is done."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from services.discovery.domain.ledger import CommandRef, Commit, Death, SourceRecord
from services.discovery.domain.sources import SourceStat
from services.discovery.ports import Ledger, StateStore
from shared.clock import Clock
from shared.contracts.batches import BatchDescriptor
from shared.contracts.dead_letters import DeadLetter, spell_spans
from shared.contracts.sources import (
    SourceCompleted,
    SourceFailed,
    SourceForgotten,
    SourceGone,
    SourceReturned,
)
from shared.contracts.writing import WritingCommitted, WritingSettled
from shared.failpoints import Failpoint, reached

SourceEnding = SourceCompleted | SourceForgotten
SourceNews = SourceEnding | SourceFailed | SourceGone | SourceReturned


async def batch_published(descriptor: BatchDescriptor, store: StateStore) -> None:
    """Note that a batch is on the bus.

    Raises:
        TransientError: The ledger could not be written.
    """
    await store.record_batch(
        descriptor.batch_id,
        descriptor.source_id,
        descriptor.source_version,
        descriptor.records,
    )


async def source_read(
    source_id: str, source_version: int, store: StateStore, clock: Clock
) -> list[SourceEnding]:
    """Note that a source was read to its end and all its batches are noted as published.

    Raises:
        TransientError: The ledger could not be written.
    """
    return endings(await store.finish_reading(source_id, source_version, clock.now()))


async def committed(
    events: Sequence[WritingCommitted | WritingSettled], store: StateStore, clock: Clock
) -> list[SourceEnding]:
    """Note what the dataset holds; tell the sources that this completes or takes away.

    Raises:
        TransientError: The ledger could not be written.
    """
    commits = [
        Commit(batch.batch_id, batch.source_id, batch.source_version, batch.records)
        for event in events
        for batch in event.batches
    ]
    completed = await store.apply_committed(commits, clock.now())
    reached(Failpoint.SETTLED)
    return endings(completed)


async def dead_lettered(
    letters: Sequence[DeadLetter], store: StateStore, clock: Clock
) -> list[SourceEnding]:
    """Note what any stage gave up, all of it together; return the sources that this completes.

    A letter about no source (a command, say) is not discovery's business.

    Raises:
        TransientError: The ledger could not be written.
    """
    deaths = [
        death_of(letter, letter.source_id, letter.source_version)
        for letter in letters
        if letter.source_id is not None and letter.source_version is not None
    ]
    return endings(await store.apply_deaths(deaths, clock.now())) if deaths else []


def death_of(letter: DeadLetter, source_id: str, source_version: int) -> Death:
    """Say of a dead letter about a source what the ledger has to know."""
    is_line = letter.batch_id is None
    return Death(
        f"{letter.stage}:{letter.key}",
        source_id,
        source_version,
        letter.batch_id,
        letter.records,
        letter.byte_offset if is_line else None,
        letter.original_bytes if is_line else 0,
        spell_spans(letter.spans) if is_line else "",
    )


async def source_failed(
    stat: SourceStat, reason: str, store: StateStore, clock: Clock
) -> list[SourceFailed]:
    """Note that a source cannot be read; return what to tell, if that is new.

    Raises:
        TransientError: The ledger could not be written.
    """
    source = await store.fail(stat, reason, clock.now())
    return [_failed(source, clock)] if source else []


async def announced(event: SourceNews, store: Ledger) -> None:
    """Note that an event about a source is on the bus, so that it is not told again.

    Raises:
        TransientError: The ledger could not be written.
    """
    if isinstance(event, SourceGone | SourceReturned):
        await store.mark_presence_told(event.source_id, event.occurred_at)
    elif isinstance(event, SourceCompleted):
        await store.mark_announced(event.source_id, "completed", event.source_version)
    elif isinstance(event, SourceForgotten):
        await store.mark_announced(event.source_id, "forgotten", event.source_version)
    else:
        await store.mark_announced(event.source_id, "failed")


async def unannounced(store: Ledger, clock: Clock) -> list[SourceNews]:
    """Return what a crash kept from being told; for the start of the process.

    Raises:
        TransientError: The ledger could not be read.
    """
    sources = await store.unannounced()
    found = [presence_event(source) for source in await store.untold_presence()]
    events: list[SourceNews] = [event for event in found if event is not None]
    events += endings([row for row in sources if row.status != "failed"])
    events += [_failed(row, clock) for row in sources if row.status == "failed"]
    return events


def presence_event(source: SourceRecord) -> SourceGone | SourceReturned | None:
    """Tell that a source went or came back, whichever was noted last."""
    facts: dict[str, Any] = {
        "collection": source.collection,
        "source_id": source.source_id,
        "filename": source.filename,
        "source_version": source.source_version,
    }
    if (at := source.gone_at) is not None:
        key = SourceGone.id_of(source.source_id, at.isoformat())
        return SourceGone(
            id=key, occurred_at=at, mapped=source.mapped, same_as=source.same_as, **facts
        )
    if (at := source.returned_at) is not None:
        key = SourceReturned.id_of(source.source_id, at.isoformat())
        return SourceReturned(id=key, occurred_at=at, **facts)
    return None


def endings(sources: Sequence[SourceRecord]) -> list[SourceEnding]:
    """Return the events of sources that are completed or forgotten, one for each wish."""
    events: list[SourceEnding] = []
    for source in sources:
        if source.is_forgotten:
            events += [forgotten(source, ref) for ref in source.wishes]
        elif source.completed_at is not None:
            events.append(_completed(source, source.completed_at))
    return events


def forgotten(source: SourceRecord, ref: CommandRef) -> SourceForgotten:
    """Answer a wish to forget a source; the same message always gets the same answer."""
    version = source.source_version
    digest = hashlib.sha256(ref.key.encode("utf-8", "backslashreplace")).hexdigest()
    return SourceForgotten(
        id=SourceForgotten.id_of(source.source_id, version, digest[:16]),
        collection=source.collection,
        occurred_at=source.completed_at or source.discovered_at,
        correlation_id=ref.correlation_id,
        source_id=source.source_id,
        filename=source.filename,
        source_version=version,
    )


def _completed(source: SourceRecord, occurred_at: datetime) -> SourceCompleted:
    fingerprint = source.fingerprint or ""
    version = source.source_version
    after = f":{source.replays}" if source.replays else ""
    return SourceCompleted(
        id=SourceCompleted.id_of(source.source_id, version, f"{fingerprint[:16]}{after}"),
        collection=source.collection,
        occurred_at=occurred_at,
        source_id=source.source_id,
        filename=source.filename,
        fingerprint=fingerprint,
        source_version=version,
        seen=source.seen,
        mapped=source.mapped,
        dead=source.dead,
    )


def _failed(source: SourceRecord, clock: Clock) -> SourceFailed:
    cause = f"{source.signature}{source.reason}"
    digest = hashlib.sha256(cause.encode("utf-8", "backslashreplace")).hexdigest()
    return SourceFailed(
        id=SourceFailed.id_of(source.source_id, source.source_version, digest[:16]),
        collection=source.collection,
        occurred_at=clock.now(),
        source_id=source.source_id,
        filename=source.filename,
        reason=source.reason or "unknown",
    )
