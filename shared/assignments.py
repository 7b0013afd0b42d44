"""The collections that a service works on: taken up, and left, one by one while it runs."""

import asyncio
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Iterable,
    Sequence,
)
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    nullcontext,
)
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Self

import structlog

from shared.bus import message_metrics
from shared.bus.broker import Bus
from shared.bus.consuming.durable_subscriber import DurableRouter
from shared.bus.presence import OF_ALL, Births, wait_for_consumers, watch_durables
from shared.bus.registry.durables import Durable
from shared.errors import BeginAnew, ConfigurationError, first_leaf
from shared.failpoints import Failpoint, reached
from shared.observability.instruments import leave_collection, serve_collection
from shared.ownership import own
from shared.task_groups import Loop, TaskGroup, end, run_together
from shared.waits import WAITS
from shared.workers import Worker

AGAIN_S = 5.0
"""Until a collection that could not be opened is tried again."""
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """What is done while something is open: for one collection, or for all together."""

    routers: Sequence[DurableRouter] = ()
    """Their subscribers read durable consumers."""
    loops: Sequence[Loop] = ()
    """What is done besides handling messages, until cancelled."""
    finish: Callable[[], Coroutine[Any, Any, object]] | None = None
    """Returns when the loops have done all that came of the messages."""


Opened = AbstractAsyncContextManager[Activity]


def _nothing(_: str) -> Opened:
    return nullcontext(Activity())


async def _nothing_of(_: str) -> None:
    """Keep nothing of a collection."""


async def _no_others(_: "Assignments") -> None:
    """Take up nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources(Activity):
    """What a service does for all collections together, and how it opens one of them."""

    open: Callable[[str], Opened] = lambda _: nullcontext(Activity())
    """Called once the collection's folders are owned and its consumers exist."""
    worker: Worker | None = None
    """Works on what discovery lists, where nothing is to be opened of each."""
    remove: Callable[[str], Awaitable[None]] = _nothing_of
    """Removes what the service keeps of a collection that was left and is deleted."""
    begin: Callable[["Assignments"], Awaitable[None]] = _no_others
    """Called when those of the configuration are taken up, before what is for all begins: takes
    up others, then or later."""


@dataclass(slots=True)
class Assignment:
    """A collection that is worked on, or all together."""

    work: asyncio.Task[None]
    is_ready: asyncio.Event
    """Set when its messages are read."""
    finish: Callable[[], Coroutine[Any, Any, object]] | None = None
    """What is awaited before it is left because there is nothing more to do."""
    hurry: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when it is left whatever there is to do."""


@dataclass(slots=True)
class Assignments:
    """Works on collections, each in a task of its own; one that fails ends all.

    Everything of a collection is made when it is taken up and gone when it is left: ownership,
    subscribers, loops, time series and what the service opens for it.
    """

    bus: Bus
    """One that is connected."""
    durables: Sequence[Durable]
    """All durable consumers that the service reads."""
    owns: Callable[[str], Iterable[Path]]
    """Names the folders of a collection that only one process may change."""
    open: Callable[[str], Opened]
    tell: Callable[[str], None]
    """Told what keeps a collection from being worked on: standby, waiting."""
    _group: TaskGroup = field(default_factory=TaskGroup, init=False)
    _taken: dict[str, Assignment] = field(default_factory=dict, init=False)
    _leaving: dict[str, asyncio.Task[None]] = field(default_factory=dict, init=False)
    _left: dict[str, Assignment] = field(default_factory=dict, init=False)
    _owned: set[str] = field(default_factory=set, init=False)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[Self]:
        """Work on what is taken up until the block ends.

        Raises:
            ExceptionGroup: One of the collections, or what is done for all, failed.
        """
        async with self._group:
            try:
                yield self
            finally:
                taken, self._taken = self._taken, {}
                for one in self._left.values():
                    one.hurry.set()
                await end([one.work for one in taken.values()])
                if self._leaving:
                    await asyncio.wait(self._leaving.values())

    @property
    def names(self) -> list[str]:
        """The collections that are taken up."""
        return [name for name in self._taken if name != OF_ALL]

    @property
    def owned(self) -> frozenset[str]:
        """Those whose folders are owned, until everything of them is closed."""
        return frozenset(self._owned)

    def taken(self, collection: str) -> Assignment | None:
        """Return what a collection is worked on by, if it is."""
        return self._taken.get(collection)

    async def begin_with(self, collections: Iterable[str]) -> None:
        """Begin with those of the configuration, one after the other."""
        for one in collections:
            await self.take_up(one).is_ready.wait()

    def take_up(self, collection: str, *, fails_alone: bool = False) -> Assignment:
        """Begin to work on a collection, unless that was done already.

        One that is being left yet is taken up when that is over.

        Args:
            collection: Its name.
            fails_alone: If it cannot be opened, or its consumers are gone, it is tried again; else
                that ends all.
        """
        if collection not in self._taken:
            before = self._leaving.get(collection)
            work = self._keep_working_on if fails_alone else self._work_on
            self._begin(collection, partial(self._begin_after, before, collection, work))
        return self._taken[collection]

    def begin(self, name: str, *, is_configured: bool) -> None:
        """See Worker."""
        self.take_up(name, fails_alone=not is_configured)

    def end(self, name: str) -> None:
        """See Worker: there is nothing more to do for it, once its loops are done."""
        self.begin_to_leave(name, is_patient=True)

    async def leave(self, collection: str) -> None:
        """Finish what is in hand of a collection, and be without it."""
        if (one := self._left.get(collection)) is not None:
            one.hurry.set()
        if collection in self._taken:
            self.begin_to_leave(collection)
        if collection in self._leaving:
            await asyncio.wait({self._leaving[collection]})

    def begin_to_leave(self, collection: str, *, is_patient: bool = False) -> asyncio.Task[None]:
        """Finish what is in hand of a collection in a task of its own, and be without it."""
        one, before = self._taken.pop(collection), self._leaving.get(collection)
        if not is_patient:
            one.hurry.set()
        task = self._group.create_task(self._leave(collection, one, before))
        self._leaving[collection], self._left[collection] = task, one
        task.add_done_callback(partial(self._forget_leaving, collection))
        return task

    def _forget_leaving(self, collection: str, task: asyncio.Task[None]) -> None:
        if self._leaving.get(collection) is task:
            del self._leaving[collection], self._left[collection]

    async def _leave(
        self, collection: str, one: Assignment, before: asyncio.Task[None] | None
    ) -> None:
        if one.finish is not None:
            waits = [asyncio.ensure_future(one.finish()), asyncio.ensure_future(one.hurry.wait())]
            await asyncio.wait([*waits, one.work], return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()
            await asyncio.wait(waits)
        await end([one.work])
        if before is not None:
            await asyncio.wait({before})
        leave_collection(collection)
        self.bus.publisher.dead_letter_limits.leave(collection)
        log.info("collection.left", collection=collection)

    def act_for_all(self, activity: Activity, births: Births) -> Assignment:
        """Begin what is done for all collections together."""
        return self._begin(OF_ALL, partial(self._act, OF_ALL, activity, births))

    def _begin(
        self, name: str, work: Callable[[asyncio.Event], Coroutine[None, None, None]]
    ) -> Assignment:
        is_ready = asyncio.Event()
        self._taken[name] = Assignment(self._group.create_task(work(is_ready)), is_ready)
        return self._taken[name]

    async def _begin_after(
        self,
        before: asyncio.Task[None] | None,
        collection: str,
        work: Callable[[str, asyncio.Event], Awaitable[None]],
        is_ready: asyncio.Event,
    ) -> None:
        if before is not None:
            await asyncio.wait({before})
        serve_collection(collection)
        message_metrics.begin_collection(self.bus.service, self.durables, collection)
        await work(collection, is_ready)

    async def _keep_working_on(self, collection: str, is_ready: asyncio.Event) -> None:
        """Work on a collection, and begin again when it cannot be opened or lost its consumers."""
        while True:
            try:
                await self._work_on(collection, is_ready)
            except (ConfigurationError, BaseExceptionGroup) as error:
                ends = (BeginAnew, ConfigurationError)
                if isinstance(error, BaseExceptionGroup) and error.split(ends)[1]:
                    raise
                reason = first_leaf(error)
                log.warning("collection.begun_again", collection=collection, reason=str(reason))
                if isinstance(reason, ConfigurationError):
                    WAITS.failed(
                        f"taking up collection {collection}", reason, within_s=3 * AGAIN_S
                    )
                    await asyncio.sleep(AGAIN_S)

    async def _work_on(self, collection: str, is_ready: asyncio.Event) -> None:
        """Open everything of a collection in order, work, close everything in reverse order."""
        async with AsyncExitStack() as stack:
            stack.callback(self._owned.discard, collection)
            await own(stack, self.owns(collection), self.tell)
            self._owned.add(collection)
            reached(Failpoint.OWNED)
            births = await wait_for_consumers(self.bus, self.durables, collection, self.tell)
            activity = await stack.enter_async_context(self.open(collection))
            await self._act(collection, activity, births, is_ready)

    async def _act(
        self, of: str, activity: Activity, births: Births, is_ready: asyncio.Event
    ) -> None:
        watch = partial(
            watch_durables,
            self.bus.js,
            births,
            lambda: of not in self._taken,
            service=self.bus.service,
        )
        if of in self._taken:
            self._taken[of].finish = activity.finish
        async with self.bus.consuming(activity.routers):
            is_ready.set()
            await run_together([*activity.loops, watch])
