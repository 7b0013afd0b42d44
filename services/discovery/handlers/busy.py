"""Which collections are busy: their consumers are made with the work, and go when that is done.

A collection that rests is a row. Before anything is published for it, its row is taken away, then
its consumers are made, and then those who work on it are told: so whatever ends this process,
nobody ever publishes to a stream that has not its readers. On the way back all goes in reverse:
nobody is told of it any more, those who worked on it leave, the bus is looked at twice, and only
while nothing at all is left there do its consumers go, and then its row comes. Whether its work is
done says the ledger alone.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import structlog

from services.discovery.handlers.places import Places
from services.discovery.handlers.revisions import Revision
from services.discovery.ports.resting import Begun, Consumers, RestStore, Work
from shared.clock import Clock
from shared.contracts.collections import CollectionRecord
from shared.errors import ConfigurationError, TransientError
from shared.failpoints import Failpoint, reached
from shared.task_groups import LimitedTaskGroup

POLL_S, LONGEST_POLL_S = 0.1, 0.8
"""Between two looks at the bus; twice as long after each that finds somebody who works on it."""
LEAVING_S = 10.0
"""So long those who work on it have to leave; then it is busy again."""
FOR_OTHERS_S = 0.5
"""So long what is done stays busy while others wait for its place."""
AT_ONCE = 32
"""So many are put to rest together."""
SELF = "discovery"
log = structlog.get_logger(__name__)


@dataclass(slots=True, eq=False)
class Busy:
    """A collection that is busy, becomes so, or goes to rest."""

    name: str
    used_s: float
    """When it was last seen to have work."""
    record: CollectionRecord | None = None
    users: int = 0
    """Who publishes for it now, or is about to."""
    has_place: bool = False
    is_woken: bool = False
    """Whether the bus may have consumers of it."""
    has_consumers: bool = False
    """Whether it has all of them."""
    is_listed: bool = False
    """Whether others are told to work on it."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class BusyCollections:
    """Has collections worked on while there is work; those of the configuration always."""

    def __init__(
        self,
        store: RestStore,
        consumers: Consumers,
        clock: Clock,
        *,
        configured: Collection[str],
        rest_after_s: float,
        most: int,
    ) -> None:
        """Take what it needs.

        Args:
            store: The ledger.
            consumers: Makes and removes them.
            clock: Says what time it is.
            configured: The collections that never rest.
            rest_after_s: So long one stays busy that has no work.
            most: So many are busy at a time, beside those; commands go before.
        """
        self.revision = Revision()
        self._store = store
        self._consumers = consumers
        self._clock = clock
        self._configured = configured
        self._rest_after_s = rest_after_s
        self._places = Places(most, clock)
        self._all: dict[str, Busy] = {}
        self._work: Work | None = None

    @property
    def names(self) -> list[str]:
        """Those that are worked on."""
        return [one.name for one in self._all.values() if one.is_listed]

    @property
    def are_awaited(self) -> bool:
        """Whether some wait for others to rest."""
        return self._places.are_wanted

    @property
    def listed(self) -> list[CollectionRecord]:
        """What is kept of each that is worked on, in the order of their names."""
        known = (one.record for one in self._all.values() if one.is_listed)
        return sorted((one for one in known if one is not None), key=lambda one: one.name)

    def is_busy(self, name: str) -> bool:
        """Tell whether a collection has its consumers."""
        return name in self._all and self._all[name].has_consumers

    def go_on(self, records: Iterable[CollectionRecord]) -> None:
        """Have worked on what was busy before the start; their consumers are there."""
        for record in records:
            one = self._one(record.name)
            one.record = record
            one.is_woken = one.has_consumers = one.is_listed = True
            self._give_place(one)
        self.revision.change()

    def begin(self, work: Work) -> None:
        """Take part in the work on all that is busy."""
        self._work = work
        for name in self.names:
            work.take_up(name)

    async def end(self, name: str) -> None:
        """Know nothing of a collection any more, and do nothing for it."""
        one = self._all.pop(name, None)
        if one is None:
            return
        self.revision.change()
        async with one.lock:  # who makes or removes its consumers ends first
            if one.has_place:
                self._places.give(one)

    @asynccontextmanager
    async def using(self, name: str, *, is_patient: bool = False) -> AsyncIterator[None]:
        """Have a collection busy until the block ends; one that does not exist never is.

        Args:
            name: Which.
            is_patient: Whether this waits for its turn while enough others are busy.

        Raises:
            TransientError: Its consumers cannot be made now.
        """
        one = self._one(name)
        one.users += 1
        try:
            if not one.has_consumers:
                await self._wake(one, is_patient=is_patient)
            yield
        finally:
            one.users -= 1
            one.used_s = self._clock.monotonic()
            self._forget_if_resting(one)

    async def look(self) -> None:
        """Put to rest what has had no work for a while.

        Raises:
            TransientError: The ledger could not be read or written, or the bus did not answer.
        """
        async with LimitedTaskGroup(AT_ONCE) as group:
            for one in list(self._all.values()):
                if await self._may_rest(one):
                    await group.begin(self._rest, one)

    async def _may_rest(self, one: Busy) -> bool:
        if one.name in self._configured or one.users or not one.is_woken:
            return False
        now_s = self._clock.monotonic()
        if not await self._store.is_settled(one.name):
            one.used_s = now_s
            return False
        wait_s = FOR_OTHERS_S if self._places.are_wanted else self._rest_after_s
        return now_s - one.used_s >= min(wait_s, self._rest_after_s)

    async def _wake(self, one: Busy, *, is_patient: bool) -> None:
        """Make the consumers of a collection, then have it worked on.

        Raises:
            TransientError: That cannot be done now.
        """
        record = await self._store.find_collection(one.name)
        if record is None or record.state != "active":
            return
        if is_patient and not one.has_place and one.name not in self._configured:
            await self._places.take(one)
            one.has_place = True
        async with one.lock:
            if one.has_consumers:
                return
            self._give_place(one)
            await self._store.wake_collection(one.name)
            one.is_woken, one.record = True, record
            reached(Failpoint.WOKEN)
            try:
                await self._consumers.make([one.name])
            except ConfigurationError as error:
                raise TransientError(f"collection {one.name} cannot begin: {error}") from error
            reached(Failpoint.DECLARED)
            begun = self._have_worked_on(one)
            if begun is not None:  # until then, nobody knows by which ledger it is sent
                await begun.is_ready.wait()
            one.has_consumers = True
        log.info("collection.busy", collection=one.name)

    async def _rest(self, one: Busy) -> None:
        """Take the consumers of a collection away, unless it is wanted meanwhile.

        Raises:
            TransientError: It is tried again: the bus may still have some of them.
        """
        async with one.lock:
            if one.users or not one.is_woken:
                return
            one.is_listed = False
            self.revision.change()
            has_ended = False
            try:
                has_ended = await self._has_ended(one)
            finally:
                if not has_ended:
                    self._have_worked_on(one)
            if not has_ended:
                return
            # Nothing is awaited between the last look at who uses it and this.
            one.has_consumers = False
            reached(Failpoint.EMPTIED)
            await self._consumers.remove(one.name)
            reached(Failpoint.REMOVED)
            await self._store.rest_collection(one.name)
            one.is_woken = False
            reached(Failpoint.RESTED)
            self._forget_if_resting(one)
        log.info("collection.rests", collection=one.name)

    async def _has_ended(self, one: Busy) -> bool:
        """Wait until nobody works on a collection, and the bus has nothing of it.

        Messages pass from consumer to consumer while these are asked one after the other, so two
        looks must find nothing and nothing moved between them.

        Returns:
            Whether that is so, and nobody uses it.

        Raises:
            TransientError: The bus or the ledger did not answer.
        """
        assert self._work is not None, "what is busy is worked on"  # noqa: S101
        began_s, before, is_left = self._clock.monotonic(), None, False
        pause_s = POLL_S
        while self._is_unwanted(one, began_s):
            left = await self._consumers.left(one.name)
            if left.messages or left.readers - {SELF}:
                before, pause_s = None, min(2 * pause_s, LONGEST_POLL_S)
            elif not is_left:
                await self._work.leave(one.name)
                is_left, pause_s = True, POLL_S
            elif left == before and not left.readers and await self._store.is_settled(one.name):
                return self._is_unwanted(one, began_s)
            else:
                before = left
            await asyncio.sleep(pause_s)
        return False

    def _is_unwanted(self, one: Busy, since_s: float) -> bool:
        is_used = one.users > 0 or one.used_s >= since_s
        is_ended = self._all.get(one.name) is not one
        return not is_used and not is_ended and self._clock.monotonic() - since_s < LEAVING_S

    def _have_worked_on(self, one: Busy) -> Begun | None:
        if self._all.get(one.name) is not one:
            return None
        one.is_listed = True
        self.revision.change()
        return self._work.take_up(one.name) if self._work is not None else None

    def _one(self, name: str) -> Busy:
        return self._all.setdefault(name, Busy(name, self._clock.monotonic()))

    def _give_place(self, one: Busy) -> None:
        if not one.has_place and one.name not in self._configured:
            self._places.take_anyway(one)
            one.has_place = True

    def _forget_if_resting(self, one: Busy) -> None:
        if one.users or one.is_woken or self._all.get(one.name) is not one:
            return
        del self._all[one.name]
        if one.has_place:
            self._places.give(one)
