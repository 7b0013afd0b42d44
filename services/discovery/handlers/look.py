"""Looks at all sources, or at those that changed, and finds out which have to be read."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from services.discovery.domain.ledger import SourceRecord, is_same_content, needs_look
from services.discovery.domain.sources import (
    FolderUnreadable,
    SourceStat,
    display_name,
    require_distinct,
)
from services.discovery.handlers.claims import Claims
from services.discovery.handlers.settle import Ended, endings, source_failed
from services.discovery.ports import (
    SourceChanged,
    SourceRepository,
    SourceUnreadable,
    SourceVanished,
    StateStore,
)
from shared.clock import Clock
from shared.contracts.sources import SourceDiscovered, SourceFailed
from shared.crew import Crew

KNOWN_AT_ONCE = 500
SMALL_BYTES = 256 << 10
SMALL_AT_ONCE = 32
GONE = "{path} went away before it was read to its end; put it back"


@dataclass(frozen=True, slots=True)
class SourceToRead:
    """A source whose content is new, complete, and noted in the ledger as being read."""

    stat: SourceStat
    fingerprint: str
    source_version: int
    event: SourceDiscovered


Found = SourceToRead | Ended | SourceFailed | FolderUnreadable
Take = Callable[[Found], Awaitable[None]]


async def look(
    repository: SourceRepository,
    store: StateStore,
    clock: Clock,
    *,
    take: Take,
    changed: frozenset[str] | None = None,
    claims: Claims | None = None,
) -> None:
    """Look at the sources; an unchanged one costs a look at its size and time.

    Small sources are examined and taken several at once, since each mostly waits for the disk and
    the bus; a large one holds up those after it. A source that is being read is told again by
    the next look: let one look end before the next. A source is claimed until it was taken.

    Args:
        repository: Where sources come from.
        store: The ledger.
        clock: Dates what is found.
        take: Gets sources to read, events to publish, and folders that could not be listed.
        changed: The paths that changed; None: look at everything.
        claims: Who has a source in hand.

    Raises:
        ConfigurationError: Two roots of a collection have a file of the same name.
        TransientError: The ledger could not be read or written; or what ``take`` raises.
    """
    claims = claims or Claims()
    stats, unlisted = await _list(repository, changed)
    for problem in unlisted:
        await take(problem)
    require_distinct(stats)

    async def examine(stat: SourceStat, before: SourceRecord | None) -> None:
        async with claims.claim(stat.source_id):
            for found in await _examine(stat, before, repository, store, clock):
                await take(found)

    async with Crew(SMALL_AT_ONCE) as crew:
        async for stat, before in _wanted(stats, changed, store):
            if stat.size <= SMALL_BYTES:
                await crew.begin(examine, stat, before)
            else:
                await examine(stat, before)
    if changed is None:
        for event in await _miss(stats, unlisted, store, clock):
            await take(event)


async def _wanted(
    stats: Sequence[SourceStat], changed: frozenset[str] | None, store: StateStore
) -> AsyncGenerator[tuple[SourceStat, SourceRecord | None]]:
    """Tell the sources that have to be opened, and what is known of each."""
    for start in range(0, len(stats), KNOWN_AT_ONCE):
        some = stats[start : start + KNOWN_AT_ONCE]
        known = await store.get([stat.source_id for stat in some])
        for stat in some:
            before = known.get(stat.source_id)
            if needs_look(before, stat) and not _may_clash(stat, before, changed):
                yield stat, before


async def _list(
    repository: SourceRepository, changed: frozenset[str] | None
) -> tuple[list[SourceStat], list[FolderUnreadable]]:
    stats: list[SourceStat] = []
    unlisted: list[FolderUnreadable] = []
    async with aclosing(repository.list_sources(changed)) as found:
        async for listed in found:
            if isinstance(listed, SourceStat):
                stats.append(listed)
            else:
                unlisted.append(listed)
    return stats, unlisted


def _may_clash(
    stat: SourceStat, before: SourceRecord | None, changed: frozenset[str] | None
) -> bool:
    # Only a look at everything can tell a source that moved from a second one of its name.
    is_partial = changed is not None
    return is_partial and before is not None and before.path != display_name(stat.path)


async def _examine(
    stat: SourceStat,
    before: SourceRecord | None,
    repository: SourceRepository,
    store: StateStore,
    clock: Clock,
) -> Sequence[Found]:
    if before is not None:
        # It may have been forgotten since the ledger was asked about many sources together.
        before = (await store.get([stat.source_id])).get(stat.source_id)
        if not needs_look(before, stat):
            return []
    try:
        if (why := await repository.why_incomplete(stat)) is not None:
            await store.note_incomplete(stat, why, clock.now())
            return []
        fingerprint = await repository.fingerprint(stat)
    except (SourceVanished, SourceChanged):
        return []
    except SourceUnreadable as error:
        return await source_failed(stat, str(error), store, clock)
    if is_same_content(before, fingerprint):
        return endings(await store.note_unchanged(stat, clock.now()))
    version = await store.begin_version(stat, fingerprint, clock.now())
    event = SourceDiscovered(
        id=f"source.discovered:{stat.source_id}:{version}:{fingerprint[:16]}",
        collection=stat.collection,
        occurred_at=clock.now(),
        source_id=stat.source_id,
        filename=stat.filename,
        fingerprint=fingerprint,
        source_version=version,
        size_bytes=stat.size,
    )
    return [SourceToRead(stat, fingerprint, version, event)]


async def _miss(
    stats: Sequence[SourceStat],
    unlisted: Sequence[FolderUnreadable],
    store: StateStore,
    clock: Clock,
) -> list[SourceFailed]:
    """Fail what went away while it was read, and forget what was never read."""
    if unlisted:
        return []
    present = frozenset(stat.source_id for stat in stats)
    events: list[SourceFailed] = []
    for source in await store.unfinished():
        if source.status == "reading" and source.source_id not in present:
            reason = GONE.format(path=source.path)
            events += await source_failed(_stat_of(source), reason, store, clock)
    await store.forget_missing(present)
    return events


def _stat_of(source: SourceRecord) -> SourceStat:
    return SourceStat(
        source.collection, source.filename, source.path, source.size, source.mtime_ns
    )
