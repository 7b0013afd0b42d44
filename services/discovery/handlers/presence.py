"""Follows which sources are there: tells what went and came back, and forgets what is to go."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from services.discovery.domain.ledger import GONE_KEY, CommandRef, SourceRecord
from services.discovery.domain.moves import is_parked
from services.discovery.domain.real_files import Named
from services.discovery.domain.sources import FolderUnreadable, SourceStat, display_name
from services.discovery.handlers.accounts import source_failed
from services.discovery.handlers.events import presence_event
from services.discovery.handlers.forget import Rejected, forget
from services.discovery.handlers.source_locks import SourceLocks
from services.discovery.ports import Ledger, SourceRepository
from shared.clock import Clock
from shared.contracts.batches import Batch
from shared.contracts.sources import SourceFailed, SourceForgotten, SourceGone, SourceReturned

KNOWN_AT_ONCE = 2_000
VANISHED = "{path} went away before it was read to its end; put it back"


@dataclass(frozen=True)
class Sight:
    """What a look at everything of a collection has seen."""

    collection: str
    named: Named
    unlisted: Sequence[FolderUnreadable]
    repository: SourceRepository

    @cached_property
    def present(self) -> frozenset[str]:
        """Ids of all sources that are there."""
        return frozenset(stat.source_id for stat in self.named.sources)

    @cached_property
    def inodes(self) -> dict[str, int]:
        """The file that each source is now, by its id."""
        return {stat.source_id: stat.inode for stat in self.named.sources}

    @cached_property
    def files(self) -> dict[int, SourceStat]:
        """The source that each file is now, by its inode."""
        return {stat.inode: stat for stat in self.named.sources}

    def is_hidden(self, path: str) -> bool:
        """Tell whether a path lies where nothing could be seen."""
        return any(path == one.path or path.startswith(f"{one.path}/") for one in self.unlisted)


async def miss(
    sight: Sight, store: Ledger, clock: Clock
) -> list[SourceFailed | SourceGone | Batch]:
    """Note and tell what is gone: fail what was being read, drop what never had a version.

    What no root leads to any more is not gone, nor is what lies in a folder that cannot be listed.

    Raises:
        TransientError: The ledger could not be read or written.
    """
    present = sight.present
    events: list[SourceFailed | SourceGone | Batch] = []
    for source in await store.being_read(sight.collection):
        if source.source_id not in present and not sight.is_hidden(source.path):
            reason = VANISHED.format(path=source.path)
            events += await source_failed(_stat_of(source), reason, store, clock)
    if not sight.unlisted:
        await store.forget_missing(sight.collection, present)
    gone: dict[str, str | None] = {}
    last = ""
    while there := await store.there(sight.collection, last, KNOWN_AT_ONCE):
        gone |= _gone(sight, there.values())
        last = max(there)
    for row in await store.note_gone(gone, clock.now()) if gone else ():
        event = presence_event(row)
        if isinstance(event, SourceGone):
            events.append(event)
    return events


def _gone(sight: Sight, there: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str | None]]:
    present = sight.present
    for source_id, path in there:
        if source_id in present or sight.is_hidden(path):
            continue
        other = sight.named.same_as.get(source_id)
        if other is not None:
            yield source_id, other.filename
        elif sight.repository.root_of(path) is not None:
            yield source_id, None


async def come_back(source: SourceRecord, store: Ledger, clock: Clock) -> list[SourceReturned]:
    """Note and tell that a source that was gone is there again.

    Raises:
        TransientError: The ledger could not be written.
    """
    rows = await store.note_returned([source.source_id], clock.now())
    events = [presence_event(row) for row in rows]
    return [event for event in events if isinstance(event, SourceReturned)]


async def clear_away(
    sight: Sight, store: Ledger, locks: SourceLocks, *, forgets: bool
) -> list[Batch | SourceForgotten]:
    """Forget sources that are gone.

    A name whose file is mapped under another one is forgotten in any case, once that is on the
    map: else its records would be there twice. So is what was parked for a file that does not wait
    for it any more. All else only if the configuration says so; and never while nothing at all is
    left of its root, which looks like a drive that is not mounted.

    Raises:
        TransientError: The ledger could not be read or written.
    """
    found: list[Batch | SourceForgotten] = []
    waits = locks.postponed.is_waited_for
    unseen = {stat.inode for stat in sight.named.sources if waits(stat.source_id)}
    for source in await store.all_gone(sight.collection):
        if source.source_id in sight.present or sight.is_hidden(source.path):
            continue
        other = sight.named.same_as.get(source.source_id)
        if other is not None:
            is_wanted = await _is_mapped(other, store)
        else:
            may_go = forgets or is_parked(source)
            is_wanted = may_go and _is_root_alive(source, sight)
        # It may have been moved: to a name that waits for it, or that waits for its own version.
        is_wanted = is_wanted and not waits(source.source_id) and source.inode not in unseen
        if is_wanted and source.gone_at is not None:
            key = f"{GONE_KEY}{source.source_id}:{source.gone_at.isoformat()}"
            ref = CommandRef(key, key)
            done = await forget(source.collection, source.source_id, ref, store=store, locks=locks)
            if done is not None and not isinstance(done, Rejected):
                found.append(done)
    return found


async def _is_mapped(stat: SourceStat, store: Ledger) -> bool:
    row = (await store.get([stat.source_id])).get(stat.source_id)
    return row is not None and row.completed_at is not None and not row.is_forgotten


def _is_root_alive(source: SourceRecord, sight: Sight) -> bool:
    root = sight.repository.root_of(source.path)
    return root is not None and any(
        display_name(stat.path).startswith(f"{root.rstrip('/')}/") for stat in sight.named.sources
    )


def _stat_of(source: SourceRecord) -> SourceStat:
    return SourceStat(
        collection=source.collection,
        filename=source.filename,
        path=source.path,
        size=source.size,
        mtime_ns=source.mtime_ns,
        ctime_ns=source.ctime_ns or 0,
        inode=source.inode or 0,
    )
