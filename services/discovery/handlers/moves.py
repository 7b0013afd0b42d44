"""Finds out that a file was moved, and has what is mapped of it go over to its new name."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, nullcontext
from dataclasses import dataclass, replace
from functools import cached_property

import structlog

from services.discovery.domain.ledger import GONE_KEY, CommandRef, SourceRecord
from services.discovery.domain.moves import (
    MoveVerdict,
    by_likelihood,
    is_content_of,
    is_parked,
    judge,
    may_begin,
    parking_place,
)
from services.discovery.domain.segments import ContentHash
from services.discovery.domain.sources import SourceStat
from services.discovery.handlers.bare_batches import moving_batch
from services.discovery.handlers.contents import identify
from services.discovery.handlers.epochs import Epochs
from services.discovery.handlers.events import presence_event
from services.discovery.handlers.forget import Rejected, forget
from services.discovery.handlers.found import SourceMoved
from services.discovery.handlers.presence import Sight
from services.discovery.handlers.source_locks import SourceLocks
from services.discovery.handlers.successors import Successors
from services.discovery.ports import Ledger, Listed, SourceRepository
from shared.bus.messages.outgoing import Steps, outgoing_batch, outgoing_event
from shared.bus.registry.batches import DISCOVERY_BATCH
from shared.bus.registry.sources import SOURCE_DISCOVERED, SOURCE_GONE
from shared.clock import Clock
from shared.contracts.batches import Batch
from shared.contracts.sources import SourceDiscovered, SourceForgotten, SourceGone
from shared.failpoints import Failpoint, reached

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class MoveFinder:
    """Looks whether a content that is new under a name is mapped under another one."""

    repository: SourceRepository
    store: Ledger
    locks: SourceLocks
    clock: Clock
    sight: Sight | None
    """What a look at everything has seen; None: it is a look at some paths."""

    @cached_property
    def _successors(self) -> Successors:
        return Successors(self.repository, self.store, self.sight)

    async def find(
        self, stat: SourceStat, content: ContentHash, known: SourceRecord | None
    ) -> Sequence[SourceMoved | Batch | SourceForgotten] | None:
        """Say what follows from it that a file was moved.

        Args:
            stat: The file.
            content: What it holds.
            known: What is known of the source of its name.

        Returns:
            None if it was not, and is to be read. Nothing if the source is waited for, under its
            name before; then the file is looked at again.

        Raises:
            SourceUnreadableError: The file cannot be read.
            SourceChangedError: It is shorter than it was.
            TransientError: The ledger could not be read or written.
        """
        rows = await self.store.other_names(stat, content.whole)
        for before in by_likelihood(rows, stat):
            if await self._is_of(before, stat, content) and await self._has_left(before, stat):
                return await self._decide(before, stat, known)
        return None

    async def _is_of(self, before: SourceRecord, stat: SourceStat, content: ContentHash) -> bool:
        if may_begin(before, stat):
            content = await identify(stat, before, self.repository)
        return is_content_of(before, content)

    async def _has_left(self, before: SourceRecord, stat: SourceStat) -> bool:
        """Tell whether no file, or another one, has the name before; what is unseen is there.

        What is equal but no longer the same file may be a copy, whose origin is on a drive that
        is not mounted: then nothing at all is left of that root.
        """
        root = self.repository.root_of(before.path)
        if root is None or (self.sight is not None and self.sight.is_hidden(before.path)):
            return False
        if is_parked(before):
            return True
        is_same_file = before.inode == stat.inode
        inode = await self._inode_at(before)
        if inode is not None:
            return is_same_file and inode not in (0, before.inode)
        return is_same_file or await self._is_listed(root)

    async def _inode_at(self, before: SourceRecord) -> int | None:
        """Return what file a source is now; 0 if that cannot be seen, None if there is none."""
        if self.sight is not None:
            return self.sight.inodes.get(before.source_id)
        async with aclosing(self._listed(before.path)) as listed:
            async for one in listed:
                if not isinstance(one, SourceStat):
                    return 0
                if one.source_id == before.source_id:
                    return one.inode
        return None

    async def _is_listed(self, root: str) -> bool:
        """Tell whether anything of a root can be seen."""
        async with aclosing(self._listed(root)) as listed:
            async for one in listed:
                if isinstance(one, SourceStat):
                    return True
        return False

    def _listed(self, path: str) -> AsyncGenerator[Listed]:
        # The ledger spells odd bytes of a path out, so such a path can only be found by listing.
        return self.repository.list_sources(None if "\\" in path else frozenset({path}))

    async def _decide(
        self, before: SourceRecord, stat: SourceStat, known: SourceRecord | None
    ) -> Sequence[SourceMoved | Batch | SourceForgotten]:
        verdict = judge(before)
        if verdict is MoveVerdict.MOVE:
            room = await self._make_room(known, stat) if known else None
            version = known.source_version if known else 0
            moved = [SourceMoved(stat, before, self._event(before, stat, version + 1))]
            return moved if room is None else room
        self.locks.postponed.wait(stat, on=before.source_id)
        # Its end may have been told before it was waited for.
        now = (await self.store.get([before.source_id])).get(before.source_id)
        if now != before:
            self.locks.postponed.end([before.source_id])
            return []
        if verdict is MoveVerdict.WAIT:
            return []
        if not self.locks.may_wait(stat.source_id, before.source_id):
            self.locks.postponed.look_again(stat)
            return []
        log.info("source.forgetting", file=before.filename, reason="moved before it was mapped")
        at = (before.gone_at or self.clock.now()).isoformat()
        key = f"{GONE_KEY}{before.source_id}:{at}"
        ref = CommandRef(key, key)
        done = await forget(
            before.collection, before.source_id, ref, store=self.store, locks=self.locks
        )
        return [] if done is None or isinstance(done, Rejected) else [done]

    async def _make_room(
        self, known: SourceRecord, stat: SourceStat
    ) -> Sequence[SourceMoved] | None:
        """Have what is mapped under a name leave before other rows get it; None if it may be lost.

        In a row each waits for the one behind it. In a circle one gives its rows a name that no
        file has, and the others follow as in a row; its own file finds them there in the end.
        """
        after = await self._successors.of(known, stat)
        if not after:
            return None
        self.locks.postponed.wait(stat)
        # They may have left before that was waited for.
        if (await self.store.get([known.source_id])).get(known.source_id) != known:
            self.locks.postponed.end([known.source_id])
            return []
        if not (after[-1] == stat.source_id == min(after)):
            return []
        place = parking_place(known, stat)
        parked = (await self.store.get([place.source_id])).get(place.source_id)
        version = parked.source_version if parked else 0
        return [SourceMoved(place, known, self._event(known, place, version + 1))]

    def _event(self, before: SourceRecord, stat: SourceStat, version: int) -> SourceDiscovered:
        fingerprint = before.fingerprint or ""
        return SourceDiscovered(
            id=SourceDiscovered.id_of(stat.source_id, version, fingerprint[:16]),
            collection=stat.collection,
            occurred_at=self.clock.now(),
            source_id=stat.source_id,
            filename=stat.filename,
            fingerprint=fingerprint,
            source_version=version,
            size_bytes=before.content_size or stat.size,
            moved_from=before.filename,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Mover:
    """Notes moves and tells of them; what is moved is moved by writing."""

    store: Ledger
    locks: SourceLocks
    epochs: Epochs
    clock: Clock

    async def move(self, found: SourceMoved) -> Steps:
        """Have what is mapped under one name go over to another.

        Raises:
            TransientError: The ledger could not be written; the next look finds the file again.
        """
        before, stat = found.before, found.stat
        size = stat.size if before.content_size is None else before.content_size
        is_held = found.is_parking
        if not (is_held or self.locks.may_wait(stat.source_id, before.source_id)):
            self.locks.postponed.look_again(stat)
            return
        yield [outgoing_event(SOURCE_DISCOVERED, found.event)]
        async with nullcontext() if is_held else self.locks.hold(before.source_id):
            mapped = replace(stat, size=size)
            move = await self.store.move(before, mapped, self.clock.now())
        if move is None:
            self.locks.postponed.look_again(stat)
            return
        reached(Failpoint.MOVING)
        log.info("source.moved", file=stat.filename, before=before.filename)
        batch = self.epochs.date(moving_batch(move))
        after = move.before
        gone = presence_event(replace(before, gone_at=after.gone_at, same_as=after.same_as))
        told = [outgoing_event(SOURCE_GONE, gone)] if isinstance(gone, SourceGone) else []
        yield [*told, outgoing_batch(DISCOVERY_BATCH, batch)]
        if after.gone_at is not None:
            await self.store.mark_presence_told(before.source_id, after.gone_at)
        if stat.size > size:
            # What was appended meanwhile is looked at when the move has ended.
            self.locks.postponed.wait(stat)
