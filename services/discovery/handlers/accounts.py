"""Keeps the accounts: what was published, what arrived, what was lost, what is done."""

from collections.abc import Sequence

from services.discovery.domain.ledger import Commit, Death
from services.discovery.domain.segments import Mark
from services.discovery.domain.sources import SourceStat
from services.discovery.handlers.bare_batches import discarding_batch
from services.discovery.handlers.events import (
    SourceEnding,
    SourceNews,
    endings,
    failed,
    presence_event,
)
from services.discovery.ports import Ledger, StateStore
from shared.clock import Clock
from shared.contracts.batches import Batch, BatchDescriptor
from shared.contracts.dead_letters import DeadLetter, spell_spans
from shared.contracts.sources import (
    SourceCompleted,
    SourceFailed,
    SourceForgotten,
    SourceGone,
    SourceReturned,
)
from shared.contracts.writing import WritingSettled
from shared.failpoints import Failpoint, reached


async def batch_read(descriptor: BatchDescriptor, store: StateStore) -> None:
    """Note that a batch is going to be published, so that no news of it come before.

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
    source_id: str, source_version: int, end: Mark, store: StateStore, clock: Clock
) -> list[SourceEnding]:
    """Note that a source was read to its end and all its batches are published.

    Raises:
        TransientError: The ledger could not be written.
    """
    return endings(await store.finish_reading(source_id, source_version, end, clock.now()), clock)


async def settled(
    events: Sequence[WritingSettled], store: StateStore, clock: Clock
) -> list[SourceEnding]:
    """Note what the dataset holds; tell the sources that this completes or takes away.

    What was refused has a dead letter, by which it is counted.

    Raises:
        TransientError: The ledger could not be written.
    """
    commits = [
        Commit(
            batch.batch_id,
            batch.source_id,
            batch.source_version,
            batch.moved.records if batch.moved else batch.records,
            is_superseded=batch.verdict == "superseded",
            is_staged=batch.verdict == "staged",
        )
        for event in events
        for batch in event.batches
        if batch.verdict != "refused"
    ]
    # By the same batch the source has no records under the name before.
    moves = (batch.moved for event in events for batch in event.batches)
    commits += [Commit(one.batch_id, one.source_id, one.source_version, 0) for one in moves if one]
    completed = await store.apply_committed(commits, clock.now())
    reached(Failpoint.SETTLED)
    return endings(completed, clock)


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
    return endings(await store.apply_deaths(deaths, clock.now()), clock) if deaths else []


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
        is_of_record=letter.record_id is not None,
    )


async def source_failed(
    stat: SourceStat, reason: str, store: StateStore, clock: Clock
) -> list[SourceFailed | Batch]:
    """Note that a source cannot be read; return what to tell, if that is new.

    What waits of it goes unseen; what has come of it by now is put aside at once.

    Raises:
        TransientError: The ledger could not be written.
    """
    source = await store.fail(stat, reason, clock.now())
    if source is None:
        return []
    return [failed(source, clock), *([discarding_batch(source)] if source.is_put_aside else [])]


async def announced(event: SourceNews, store: Ledger) -> None:
    """Note that an event about a source is on the bus, so that it is not told again.

    What shows a version is no event: its settling tells that it came.

    Raises:
        TransientError: The ledger could not be written.
    """
    if isinstance(event, Batch):
        return
    if isinstance(event, SourceGone | SourceReturned):
        await store.mark_presence_told(event.source_id, event.occurred_at)
    elif isinstance(event, SourceCompleted):
        version, ended_at = event.source_version, event.occurred_at
        await store.mark_announced(event.source_id, "completed", version, ended_at)
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
    events += endings([row for row in sources if row.status != "failed"], clock)
    events += [failed(row, clock) for row in sources if row.status == "failed"]
    return events
