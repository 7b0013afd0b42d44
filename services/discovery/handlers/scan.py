"""Looks at all sources, or at those that changed, and finds out which have to be read."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from services.discovery.domain.completeness import WhyIncomplete
from services.discovery.domain.ledger import (
    SourceRecord,
    is_coming,
    is_due,
    is_same_content,
    lacks_facts,
    needs_look,
)
from services.discovery.domain.segments import ContentHash
from services.discovery.domain.sources import (
    FolderUnreadable,
    SourceStat,
    display_name,
)
from services.discovery.domain.versions import BegunVersion
from services.discovery.handlers.accounts import source_failed
from services.discovery.handlers.contents import identify, rules_of, why_incomplete
from services.discovery.handlers.events import SourceEnding, endings
from services.discovery.handlers.listing import (
    EVERYTHING,
    ScanOptions,
    list_present,
    without_namesakes,
)
from services.discovery.handlers.presence import Sight, clear_away, come_back, miss
from services.discovery.handlers.source_locks import SourceLocks
from services.discovery.handlers.turns import Shares
from services.discovery.ports import (
    Ledger,
    SourceChangedError,
    SourceRepository,
    SourceUnreadableError,
    SourceVanishedError,
)
from shared.clock import Clock
from shared.contracts.batches import Batch
from shared.contracts.sources import SourceDiscovered, SourceFailed, SourceGone, SourceReturned
from shared.task_groups import LimitedTaskGroup

KNOWN_AT_ONCE = 500
SMALL_BYTES = 256 << 10
RECHECKED_BYTES = 512 << 20
"""Of what is compared only since it is due, one look reads so much: new sources do not wait."""


@dataclass(frozen=True, slots=True)
class SourceToRead:
    """A source whose content is new, complete, and noted in the ledger as being read."""

    stat: SourceStat
    begun: BegunVersion
    """What of it is to be read, and how."""
    event: SourceDiscovered

    @property
    def source_version(self) -> int:
        """Which content of the source it is."""
        return self.begun.number


Found = (
    SourceToRead
    | SourceEnding
    | SourceFailed
    | SourceGone
    | SourceReturned
    | FolderUnreadable
    | Batch
)
Take = Callable[[Found], Awaitable[None]]


async def scan(
    repository: SourceRepository,
    store: Ledger,
    clock: Clock,
    *,
    take: Take,
    options: ScanOptions = EVERYTHING,
    locks: SourceLocks | None = None,
) -> None:
    """Look at the sources of a collection; an unchanged one costs a look at its facts.

    Small sources are examined and taken several at once, since each mostly waits for the disk and
    the bus; then the large ones one by one, the smaller before the larger, so that none waits for
    one that takes longer than itself. A source that is being read is told again by the next look:
    let one look at a collection end before the next. A source is held until it was taken.

    Args:
        repository: Where sources come from.
        store: The ledger.
        clock: Dates what is found.
        take: Gets sources to read, events to publish, and folders that could not be listed.
        options: What to look at.
        locks: Who has a source in hand.

    Raises:
        ConfigurationError: Two roots of a collection have a file of the same name, and it is the
            first look: later, one of the two is left out and told.
        TransientError: The ledger could not be read or written; or what ``take`` raises.
    """
    locks = locks or SourceLocks()
    options, named, unlisted = await list_present(repository, options, store)
    named, left_out = await without_namesakes(named, options, store)
    for problem in (*unlisted, *left_out):
        await take(problem)

    async def examine(wanted: _Wanted) -> None:
        async with locks.hold(wanted.stat.source_id):
            async with options.shares.reading(is_large=wanted.is_large):
                found = await _examine(wanted, repository, store, clock, locks)
            for one in found:
                await take(one)

    with options.shares.looking():
        await _in_turn(_wanted(named.sources, options, store, clock), examine, options.shares)
    if options.changed is None:
        sight = Sight(options.collection, named, unlisted, repository)
        gone = await miss(sight, store, clock)
        away = await clear_away(sight, store, locks, forgets=options.forgets_gone)
        for one in (*gone, *away):
            await take(one)


async def _in_turn(
    found: AsyncGenerator["_Wanted"],
    examine: Callable[["_Wanted"], Coroutine[Any, Any, None]],
    shares: Shares,
) -> None:
    """Examine the small ones as they come, then the large ones by their size."""
    large: list[_Wanted] = []
    async with LimitedTaskGroup(shares.small_at_once) as group:
        async for wanted in found:
            if wanted.is_large:
                large.append(wanted)
            else:
                await group.begin(examine, wanted)
    for wanted in sorted(large, key=lambda one: one.stat.size):
        await examine(wanted)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A source that has to be opened."""

    stat: SourceStat
    before: SourceRecord | None
    """What is known of it."""
    is_due: bool = False
    """Whether its content is compared though nothing says that it changed."""

    @property
    def is_large(self) -> bool:
        """Whether it takes its turn."""
        return self.stat.size > SMALL_BYTES


async def _wanted(
    stats: Sequence[SourceStat], options: ScanOptions, store: Ledger, clock: Clock
) -> AsyncGenerator[_Wanted]:
    budget = RECHECKED_BYTES
    for start in range(0, len(stats), KNOWN_AT_ONCE):
        some = await _remarkable(stats[start : start + KNOWN_AT_ONCE], options, store, clock)
        known = await store.get([stat.source_id for stat in some])
        unchanged: list[SourceStat] = []
        for stat in some:
            before = known.get(stat.source_id)
            if before is None or _is_back(before) or needs_look(before, stat):
                if not _may_clash(stat, before, options.changed):
                    yield _Wanted(stat, before)
            elif _is_due(before, options, clock) and (budget > 0 or options.is_deep):
                budget -= stat.size
                yield _Wanted(stat, before, is_due=True)
            elif lacks_facts(before):
                unchanged.append(stat)
        if unchanged:
            await store.note_facts(unchanged, clock.now())


async def _remarkable(
    stats: Sequence[SourceStat], options: ScanOptions, store: Ledger, clock: Clock
) -> Sequence[SourceStat]:
    """Leave out those of which one question to the ledger says that nothing is to be done."""
    if options.is_deep:
        return stats
    is_partial = options.changed is not None or options.recheck_after is None
    since = None if is_partial else clock.now() - (options.recheck_after or timedelta())
    as_they_were = await store.unremarkable(stats, since)
    return [stat for stat in stats if stat.source_id not in as_they_were]


def _is_back(known: SourceRecord) -> bool:
    # One that is being forgotten comes back when that is over and told.
    return known.gone_at is not None and not (known.is_forgotten and not known.is_announced)


def _is_due(known: SourceRecord, options: ScanOptions, clock: Clock) -> bool:
    if options.is_first and known.why_incomplete is not None:
        # The configuration may say otherwise by now when it is complete.
        return not (known.is_forgotten and not known.is_announced)
    if options.is_deep:
        return is_due(known, clock.now())
    if options.changed is not None or options.recheck_after is None or lacks_facts(known):
        return False
    return is_due(known, clock.now() - options.recheck_after)


def _may_clash(
    stat: SourceStat, before: SourceRecord | None, changed: frozenset[str] | None
) -> bool:
    # Only a look at everything can tell a source that moved from a second one of its name.
    is_partial = changed is not None
    return is_partial and before is not None and before.path != display_name(stat.path)


async def _examine(
    wanted: _Wanted,
    repository: SourceRepository,
    store: Ledger,
    clock: Clock,
    locks: SourceLocks,
) -> Sequence[Found]:
    stat, before = wanted.stat, wanted.before
    found: list[Found] = []
    if before is not None:
        # It may have been forgotten since the ledger was asked about many sources together.
        before = (await store.get([stat.source_id])).get(stat.source_id)
        if before is not None and _is_back(before):
            found += await come_back(before, store, clock)
            before = (await store.get([stat.source_id])).get(stat.source_id)
        if not (needs_look(before, stat) or (wanted.is_due and before is not None)):
            return found
        if is_coming(before):
            locks.postponed.wait(stat)
            # Its end may have been told before it was waited for.
            before = (await store.get([stat.source_id])).get(stat.source_id)
            if is_coming(before):
                return found
    return [*found, *await _compare(stat, before, repository, store, clock)]


async def _compare(
    stat: SourceStat,
    before: SourceRecord | None,
    repository: SourceRepository,
    store: Ledger,
    clock: Clock,
) -> Sequence[Found]:
    try:
        content = await _look_into(stat, before, repository)
    except (SourceVanishedError, SourceChangedError):
        return []
    except SourceUnreadableError as error:
        return await source_failed(stat, str(error), store, clock)
    if not isinstance(content, ContentHash):
        await store.note_incomplete(stat, content, clock.now())
        return []
    if is_same_content(before, content.whole):
        return endings(await store.note_unchanged(stat, clock.now()))
    rules = rules_of(repository.format_of(stat))
    begun = await store.begin_version(stat, content, rules, clock.now())
    event = SourceDiscovered(
        id=SourceDiscovered.id_of(stat.source_id, begun.number, content.whole[:16]),
        collection=stat.collection,
        occurred_at=clock.now(),
        source_id=stat.source_id,
        filename=stat.filename,
        fingerprint=content.whole,
        source_version=begun.number,
        size_bytes=stat.size,
    )
    return [SourceToRead(stat, begun, event)]


async def _look_into(
    stat: SourceStat, before: SourceRecord | None, repository: SourceRepository
) -> ContentHash | WhyIncomplete:
    """Tell what a source holds, or what it lacks.

    Raises:
        SourceUnreadableError: It cannot be read, or not be judged.
        SourceChangedError: It is shorter than it was.
    """
    if before is not None and before.content_size == stat.size:
        # What was once found complete is so, whatever the settings say of its last line by now.
        content = await identify(stat, before, repository)
        if content.whole == before.fingerprint:
            return content
    if (why := await why_incomplete(stat, repository)) is not None:
        return why
    return await identify(stat, before, repository)
