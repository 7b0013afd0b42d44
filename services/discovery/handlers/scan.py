"""Looks at all sources, or at those that changed, and finds out which have to be read."""

from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from services.discovery.domain.ledger import (
    SourceRecord,
    is_due,
    is_leaving,
    lacks_facts,
    needs_look,
)
from services.discovery.domain.sources import (
    SourceStat,
    display_name,
)
from services.discovery.handlers.examine import Wanted, examine, is_back
from services.discovery.handlers.found import Take
from services.discovery.handlers.listing import (
    EVERYTHING,
    ScanOptions,
    list_present,
    without_namesakes,
)
from services.discovery.handlers.moves import MoveFinder
from services.discovery.handlers.presence import Sight, clear_away, miss
from services.discovery.handlers.source_locks import SourceLocks
from services.discovery.handlers.turns import Shares
from services.discovery.ports import (
    Ledger,
    SourceRepository,
)
from shared.clock import Clock
from shared.task_groups import LimitedTaskGroup

KNOWN_AT_ONCE = 500
RECHECKED_BYTES = 512 << 20
"""Of what is compared only since it is due, one look reads so much: new sources do not wait."""


async def scan(
    repository: SourceRepository,
    store: Ledger,
    clock: Clock,
    *,
    take: Take,
    options: ScanOptions = EVERYTHING,
    locks: SourceLocks | None = None,
) -> bool:
    """Look at the sources of a collection; an unchanged one costs a look at its facts.

    Small sources are examined and taken several at once, since each mostly waits for the disk and
    the bus; then the large ones, the smaller before the larger, so that none waits for one that
    takes longer. A source that is being read is told again by the next look: let one end before
    the next. A source is held until it was taken.

    Args:
        repository: Where sources come from.
        store: The ledger.
        clock: Dates what is found.
        take: Gets sources to read, events to publish, and folders that could not be listed.
        options: What to look at.
        locks: Who has a source in hand.

    Returns:
        Whether everything was looked at, and is as it was.

    Raises:
        ConfigurationError: At the first look, two roots of a collection have a file of one name.
        TransientError: The ledger could not be read or written; or what ``take`` raises.
    """
    locks = locks or SourceLocks()
    options, named, unlisted = await list_present(repository, options, store)
    named, left_out = await without_namesakes(named, options, store)
    for problem in (problems := (*unlisted, *left_out)):
        await take(problem)
    sight = Sight(options.collection, named, unlisted, repository)
    is_whole = options.changed is None
    moves = MoveFinder(repository, store, locks, clock, sight if is_whole else None)
    taking = _Taking(moves, options, take)
    with options.shares.looking():
        wanted = _wanted(named.sources, options, store, clock)
        await _in_turn(wanted, taking.take_up, options.shares)
    is_any_missed = await _is_any_missed(sight, moves, options, take)
    return is_whole and not (problems or taking.has_taken or is_any_missed)


@dataclass(slots=True)
class _Taking:
    """Takes up what is to be examined."""

    moves: MoveFinder
    options: ScanOptions
    take: Take
    has_taken: bool = False
    """Whether there was anything."""

    async def take_up(self, wanted: Wanted) -> None:
        self.has_taken = True
        await self.options.ready()
        async with self.moves.locks.hold(wanted.stat.source_id):
            async with self.options.shares.reading(is_large=wanted.is_large):
                found = await examine(wanted, self.moves)
            for one in found:
                await self.take(one)


async def _is_any_missed(
    sight: Sight, moves: MoveFinder, options: ScanOptions, take: Take
) -> bool:
    """Note what is not there, if everything was looked at, and what of it is to be forgotten."""
    if options.changed is not None:
        return False
    gone = await miss(sight, moves.store, moves.clock)
    forgets = options.forgets_gone
    missed = [*gone, *await clear_away(sight, moves.store, moves.locks, forgets=forgets)]
    for one in missed:
        await take(one)
    return bool(missed)


async def _in_turn(
    found: AsyncGenerator[Wanted],
    examine: Callable[[Wanted], Coroutine[Any, Any, None]],
    shares: Shares,
) -> None:
    """Examine the small ones as they come, then the large ones by their size.

    Names that other files have now are looked at last: where theirs went to is found before.
    """
    taken: list[Wanted] = []

    async def others() -> AsyncGenerator[Wanted]:
        async for wanted in found:
            if wanted.is_another_file:
                taken.append(wanted)
            else:
                yield wanted

    await _by_size(others(), examine, shares)
    await _by_size(_each(taken), examine, shares)


async def _by_size(
    found: AsyncGenerator[Wanted],
    examine: Callable[[Wanted], Coroutine[Any, Any, None]],
    shares: Shares,
) -> None:
    large: list[Wanted] = []
    async with LimitedTaskGroup(shares.small_at_once) as group:
        async for wanted in found:
            if wanted.is_large:
                large.append(wanted)
            else:
                await group.begin(examine, wanted)
    for wanted in sorted(large, key=lambda one: one.stat.size):
        await examine(wanted)


async def _each(some: Sequence[Wanted]) -> AsyncGenerator[Wanted]:
    for one in some:
        yield one


async def _wanted(
    stats: Sequence[SourceStat], options: ScanOptions, store: Ledger, clock: Clock
) -> AsyncGenerator[Wanted]:
    budget = RECHECKED_BYTES
    for start in range(0, len(stats), KNOWN_AT_ONCE):
        some = await _remarkable(stats[start : start + KNOWN_AT_ONCE], options, store, clock)
        known = await store.get([stat.source_id for stat in some])
        unchanged: list[SourceStat] = []
        for stat in some:
            before = known.get(stat.source_id)
            if before is None or is_leaving(before) or is_back(before) or needs_look(before, stat):
                if not _may_clash(stat, before, options.changed):
                    yield Wanted(stat, before, options=options)
            elif _is_due(before, options, clock) and (budget > 0 or options.is_deep):
                budget -= stat.size
                yield Wanted(stat, before, is_due=True, options=options)
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


def _is_due(known: SourceRecord, options: ScanOptions, clock: Clock) -> bool:
    if options.is_first and known.why_incomplete is not None:
        # The configuration may say otherwise by now when it is complete.
        return not is_leaving(known)
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
