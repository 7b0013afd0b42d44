"""The collections that a service works on: taken up, and left, one by one while it runs."""

import asyncio
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    nullcontext,
)
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Self

import structlog

from shared.bus import message_metrics
from shared.bus.broker import Bus
from shared.bus.consuming.durable_subscriber import DurableRouter
from shared.bus.consuming.micro_batches import end
from shared.bus.presence import ConsumerGoneError, watch_durables
from shared.bus.registry.durables import DURABLES, Durable
from shared.bus.topology import wait_for_durables
from shared.contracts.status_reading import STANDBY
from shared.disk_room import when_there_is_room
from shared.errors import ConfigurationError
from shared.locking import exclusive_owner
from shared.observability.instruments import leave_collection, serve_collection
from shared.waits import WAITS, Trial

WAITING = "waiting"
AGAIN_S = 5.0
"""Until a collection that could not be opened is tried again."""
OF_ALL = ""
"""Stands for all collections together."""
log = structlog.get_logger(__name__)

Loop = Callable[[], Awaitable[None]]
Births = Mapping[tuple[Durable, str], datetime]
"""When each consumer was created, by itself and its collection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """What is done while something is open: for one collection, or for all together."""

    routers: Sequence[DurableRouter] = ()
    """Their subscribers read durable consumers."""
    loops: Sequence[Loop] = ()
    """What is done besides handling messages, until cancelled."""


Opened = AbstractAsyncContextManager[Activity]


def _nothing(_: str) -> Opened:
    return nullcontext(Activity())


async def _no_others(_: "Assignments") -> None:
    """Take up nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources(Activity):
    """What a service does for all collections together, and how it opens one of them."""

    open: Callable[[str], Opened] = _nothing
    """Called once the collection's folders are owned and its consumers exist."""
    begin: Callable[["Assignments"], Awaitable[None]] = _no_others
    """Called when those of the configuration are taken up, before what is for all begins: takes
    up others, then or later."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """A collection that is worked on, or all together."""

    work: asyncio.Task[None]
    is_ready: asyncio.Event
    """Set when its messages are read."""


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
    _group: asyncio.TaskGroup = field(default_factory=asyncio.TaskGroup, init=False)
    _taken: dict[str, Assignment] = field(default_factory=dict, init=False)
    _leaving: dict[str, asyncio.Task[None]] = field(default_factory=dict, init=False)

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
                await end([one.work for one in taken.values()])
                if self._leaving:
                    await asyncio.wait(self._leaving.values())

    @property
    def names(self) -> list[str]:
        """The collections that are taken up."""
        return [name for name in self._taken if name != OF_ALL]

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

    def has(self, collection: str) -> bool:
        """Tell whether a collection is taken up."""
        return collection in self._taken

    async def leave(self, collection: str) -> None:
        """Finish what is in hand of a collection, and be without it."""
        if collection in self._taken:
            await asyncio.wait({self.begin_to_leave(collection)})

    def begin_to_leave(self, collection: str) -> asyncio.Task[None]:
        """Finish what is in hand of a collection in a task of its own, and be without it."""
        one, before = self._taken.pop(collection), self._leaving.get(collection)
        task = self._group.create_task(self._leave(collection, one, before))
        self._leaving[collection] = task
        task.add_done_callback(partial(self._forget_leaving, collection))
        return task

    def _forget_leaving(self, collection: str, task: asyncio.Task[None]) -> None:
        if self._leaving.get(collection) is task:
            del self._leaving[collection]

    async def _leave(
        self, collection: str, one: Assignment, before: asyncio.Task[None] | None
    ) -> None:
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
            except ConfigurationError as error:
                told = str(error)
                log.error("collection.refused", collection=collection, reason=told)  # noqa: TRY400
                WAITS.failed(f"taking up collection {collection}", error, within_s=3 * AGAIN_S)
                await asyncio.sleep(AGAIN_S)
            except BaseExceptionGroup as errors:
                if errors.split(ConsumerGoneError)[1]:
                    raise
                log.warning("collection.begun_again", collection=collection)

    async def _work_on(self, collection: str, is_ready: asyncio.Event) -> None:
        """Open everything of a collection in order, work, close everything in reverse order."""
        async with AsyncExitStack() as stack:
            await own(stack, self.owns(collection), self.tell)
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
        async with self.bus.consuming(activity.routers):
            is_ready.set()
            await run_together([*activity.loops, watch])


async def wait_for_consumers(
    bus: Bus, durables: Iterable[Durable], of: str, tell: Callable[[str], None]
) -> Births:
    """Return when the durable consumers of a collection, or of all together, exist.

    Raises:
        ConfigurationError: The server refuses what is asked.
    """
    tell(WAITING)
    told_once = (one for one in DURABLES if bus.service in one.told_once_by)
    return await wait_for_durables(
        bus.js,
        [one for one in (*durables, *told_once) if one.is_per_collection == (of != OF_ALL)],
        (of,),
        on_missing=lambda text: log.error("stream.missing", remedy=text),
        on_failure=bus.require_welcome,
    )


async def own(stack: AsyncExitStack, folders: Iterable[Path], tell: Callable[[str], None]) -> None:
    """Own folders until the stack is closed; wait as a standby while another process does."""
    for folder in folders:
        tell(STANDBY)
        await when_there_is_room(f"making {folder}", partial(_own, stack, folder))


async def _own(stack: AsyncExitStack, folder: Path) -> None:
    with WAITS.trying(f"owning {folder}") as trial:
        await stack.enter_async_context(
            exclusive_owner(folder, on_wait=partial(_tell_standby, trial))
        )


async def run_together(loops: Sequence[Loop]) -> None:
    """Run loops until they are cancelled or one fails.

    Raises:
        ExceptionGroup: One of them failed.
    """

    async def work(loop: Loop) -> None:
        await loop()

    async with asyncio.TaskGroup() as group:
        running = [group.create_task(work(loop)) for loop in loops]
        try:
            await asyncio.wait(running, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            await end(running)


def _tell_standby(trial: Trial) -> None:
    log.warning("service.standby")
    trial.failed("another process owns it; this one takes over when that ends")
