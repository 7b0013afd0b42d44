"""Shares collections among the replicas of a service: each works on some of them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self, TypeVar

import structlog
from anyio import to_thread

from shared.assignments import Assignments
from shared.replicas import REPLICAS, Replicas
from shared.shares import Holding, Replica, decide
from shared.task_groups import TaskGroup, end
from shared.waits import WAITS

LOOK_S = 0.2
"""Between two looks while there are others: so soon it is seen that one of them is gone."""
ALONE_S = 0.5
"""The same of one that is alone: so soon it sees that another has come."""
POLL_S = 0.02
NOTES = "reading and writing the notes of replicas"
log = structlog.get_logger(__name__)
Result = TypeVar("Result")


@dataclass(slots=True)
class Sharing:
    """Has a service work on its share of what it is to work on; see Worker.

    A collection is owned by whoever has locked its folder; who gives one up finishes what is in
    hand and closes everything of it before the lock goes.
    """

    assignments: Assignments
    replicas: Replicas
    _wanted: dict[str, bool] = field(default_factory=dict, init=False)
    """By name, whether it fails alone."""
    _others: Sequence[Replica] = field(default=(), init=False)
    _given: set[str] = field(default_factory=set, init=False)
    _free_for: dict[str, int] = field(default_factory=dict, init=False)
    _soon: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _is_known: bool = field(default=False, init=False)
    """Whether others had the time to tell what they have."""
    _is_standby: bool = field(default=False, init=False)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[Self]:
        """Take up and give up collections until the block ends.

        Raises:
            ExceptionGroup: That cannot be done here.
        """
        async with TaskGroup() as group:
            looking = group.create_task(self._look_for_ever())
            try:
                yield self
            finally:
                await end([looking], again_s=1.0)
                self.replicas.close()

    @property
    def names(self) -> list[str]:
        """The collections that are to be worked on, by this replica or another."""
        return [*self._wanted]

    @property
    def is_standby(self) -> bool:
        """Whether others work on all that there is."""
        return self._is_standby

    def is_elsewhere(self, collection: str) -> bool:
        """Tell whether another replica works on a collection, as far as is known."""
        return any(collection in one.owns for one in self._others)

    async def begin_with(self, collections: Iterable[str]) -> None:
        """Begin with those of the configuration; return when all of them are worked on."""
        names = [*collections]
        for name in names:
            self.begin(name, is_configured=True)
        while not all(map(self._is_served, names)):  # noqa: ASYNC110  by others, too
            await asyncio.sleep(POLL_S)

    def begin(self, name: str, *, is_configured: bool) -> None:
        """See Worker."""
        self._wanted[name] = not is_configured
        if self._is_known and not self._others:
            self._take(name)
        self._soon.set()

    def end(self, name: str) -> None:
        """See Worker."""
        self._forget(name)
        if name in self.assignments.names:
            self.assignments.end(name)
        self._soon.set()

    async def leave(self, collection: str) -> None:
        """Finish what is in hand of a collection, and be without it, for good."""
        self._forget(collection)
        await self.assignments.leave(collection)

    def _forget(self, name: str) -> None:
        self._wanted.pop(name, None)
        self._given.discard(name)
        self._free_for.pop(name, None)

    def _is_served(self, name: str) -> bool:
        one = self.assignments.taken(name)
        is_here = one is not None and one.is_ready.is_set()
        return name not in self._wanted or is_here or self.is_elsewhere(name)

    async def _look_for_ever(self) -> None:
        while True:
            self._soon.clear()
            await self._look()
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S if self._others else ALONE_S):
                    await self._soon.wait()

    async def _look(self) -> None:
        """Look once at what others have, and do what follows from it.

        Raises:
            Unfit: The file system locks no files.
        """
        if not self._is_known:  # who begins at the same time is to know it, too
            await self._with_notes(self.replicas.look)
            await self._tell()
        if (others := await self._with_notes(self.replicas.look)) is not None:
            self._others = others
        self._is_known = True
        self._step()
        await self._tell()

    def _step(self) -> None:
        if not self._others:
            self._given.clear()
        step = decide(self._wanted, self._holding(), self._others)
        self._free_for = {name: self._free_for.get(name, 0) + 1 for name in step.free}
        for name in step.drop:
            self.assignments.begin_to_leave(name)
        for name in step.take:
            self._take(name)
        if step.give is not None:
            log.info("collection.given", collection=step.give)
            self._given.add(step.give)
            self.assignments.begin_to_leave(step.give)
        self._note_standby()

    def _holding(self) -> Holding:
        taken, owned = {*self.assignments.names}, self.assignments.owned
        return Holding(
            owned=taken & owned,
            trying=taken - owned,
            leaving=owned - taken,
            given=self._given,
            free_for=self._free_for,
            place=self.replicas.place,
        )

    def _take(self, name: str) -> None:
        self._given.discard(name)
        self.assignments.take_up(name, fails_alone=self._wanted[name])

    def _note_standby(self) -> None:
        is_standby = bool(self._wanted) and all(map(self.is_elsewhere, self._wanted))
        if is_standby and not self._is_standby:
            log.warning("service.standby")
        self._is_standby = is_standby

    async def _tell(self) -> None:
        owned = self.assignments.owned
        waits = self._wanted.keys() - owned
        await self._with_notes(lambda: self.replicas.tell(owned, waits))

    async def _with_notes(self, work: Callable[[], Result]) -> Result | None:
        """Read or write notes in a thread; None if the disk refuses: then all stays as it is."""
        try:
            result = await to_thread.run_sync(work)
        except OSError as error:
            log.debug("replicas.unknown", error=str(error))
            WAITS.failed(NOTES, error)
            return None
        WAITS.over(NOTES)
        return result


async def take_on(
    stack: AsyncExitStack, assignments: Assignments, folders: Sequence[Path]
) -> Assignments | Sharing:
    """Be ready to work on collections; with replicas, on a share of what is to be worked on."""
    await stack.enter_async_context(assignments.working())
    if not folders:
        return assignments
    sharing = Sharing(assignments, Replicas(folders[0] / REPLICAS))
    return await stack.enter_async_context(sharing.working())
