"""Scans for sources whenever something says so, each collection by itself."""

import asyncio
from collections.abc import Callable, Collection
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol
from weakref import WeakValueDictionary

import structlog

from services.discovery.handlers.postponed import Postponed
from services.discovery.handlers.scanner import SourceScanner
from services.discovery.loops.first_looks import FirstLooks
from services.discovery.ports import Trigger
from shared.bus.publishing.publisher import Publisher
from shared.errors import TransientError
from shared.task_groups import LOOP_S, TaskGroup, end
from shared.waits import WAITS

AFTER_FAILURE_S = 2.0
AT_ONCE = 32
"""So many collections are looked at together, beside those that are busy."""
GLANCES_AT_ONCE = 32
"""At so many one turn of a thread glances: what is to be done else does not wait long."""
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Asked:
    """What of a collection is to be looked at next."""

    paths: set[str] = field(default_factory=set)
    is_all: bool = False
    """Whether everything is, whatever the paths."""
    is_wanted: bool = False
    seen: bytes = b""
    """What a glance at it said before everything was asked for."""
    looking: asyncio.Task[None] | None = None

    def ask(self, changed: frozenset[str] | None, seen: bytes = b"") -> None:
        """Ask for a look at paths, or at everything, beside what was asked before."""
        self.paths |= changed or set()
        self.seen = seen
        self.is_all |= changed is None
        self.is_wanted = True

    def take(self) -> tuple[frozenset[str] | None, bytes]:
        """Take what was asked for, and what a glance said before."""
        changed, seen = None if self.is_all else frozenset(self.paths), self.seen
        self.paths, self.is_all, self.is_wanted, self.seen = set(), False, False, b""
        return changed, seen


@dataclass(slots=True)
class Beginning:
    """Makes a collection busy before the first of its sources is opened, and no sooner."""

    use: Callable[[], AbstractAsyncContextManager[None]]
    stack: AsyncExitStack
    slot: AsyncExitStack
    """Closed then: others may look."""
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _is_done: bool = False

    async def ready(self) -> None:
        """Return when it is busy."""
        async with self._lock:
            if not self._is_done:
                await self.stack.enter_async_context(self.use())
                await self.slot.aclose()
                self._is_done = True


class Turns(Protocol):
    """Has collections busy, each when it is its turn."""

    def is_busy(self, name: str) -> bool:
        """Tell whether a collection is."""
        ...

    def using(self, name: str, *, is_patient: bool) -> AbstractAsyncContextManager[None]:
        """Have one busy for the time of a block."""
        ...


class ScanLoop:
    """Has sources scanned, one scan of a collection at a time; no collection waits for another.

    Between two looks there is nothing of a collection here but its name.
    """

    def __init__(
        self,
        scanner: SourceScanner,
        publisher: Publisher,
        turns: Turns,
        firsts: FirstLooks,
    ) -> None:
        """Take what it needs.

        Args:
            scanner: Looks.
            publisher: Takes what is found.
            turns: Has collections busy of which something is to be sent.
            firsts: Says when new collections are looked at.
        """
        self.scanner = scanner
        self._publisher = publisher
        self._turns = turns
        self._firsts = firsts
        self._served: set[str] = set()
        self._asked: dict[str, Asked] = {}
        self._locks = WeakValueDictionary[str, asyncio.Lock]()
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._group: TaskGroup | None = None
        self._is_triggered = False
        self._glances = asyncio.Event()

    async def run(self, trigger: Trigger) -> None:
        """Ask for a look whenever the trigger says so, until cancelled.

        Raises:
            ExceptionGroup: A look failed for good.
        """
        async with TaskGroup(LOOP_S) as group, aclosing(trigger.signals()) as signals:
            self._group = group
            try:
                group.create_task(self._keep_looking())
                group.create_task(self._look_first())
                async for changed in signals:
                    self._is_triggered = True
                    await self.ask(changed)
            finally:
                self._group = None

    def serve(self, collections: Collection[str]) -> None:
        """Look at collections from now on; one that is served later, as soon as it may be."""
        for name in set(collections) - self._served:
            self._served.add(name)
            if self._is_triggered and self._group is not None:
                self.scanner.begin_late(name)
                self._firsts.made(name)
                self._begin(name, None)

    async def leave(self, collection: str) -> None:
        """Look at a collection no more."""
        self._served.discard(collection)
        asked = self._asked.get(collection)
        if asked is not None and asked.looking is not None:
            await end([asked.looking])
            self._asked.pop(collection, None)  # a look that was ended before it began
        self._firsts.leave(collection)
        self.scanner.leave(collection)

    async def ask(self, changed: frozenset[str] | None) -> None:
        """Ask for a look at paths, or at everything, of each collection that may have them."""
        if changed is None:
            self._glances.set()
            return
        for collection in await self.scanner.at(changed) & self._served:
            self._begin(collection, changed)

    async def look_at_all(self) -> None:
        """Ask for a look at everything; of what rests, if a glance says that it is another."""
        resting = [one for one in self._served if not self._turns.is_busy(one)]
        for collection in self._served.difference(resting):
            self._begin(collection, None)
        for start in range(0, len(resting), GLANCES_AT_ONCE):
            differing = await self.scanner.differing(resting[start : start + GLANCES_AT_ONCE])
            for collection in self._served.intersection(differing):
                self._begin(collection, None, differing[collection])

    @property
    def is_looking(self) -> bool:
        """Whether a look goes on, or is asked for."""
        return bool(self._asked) or bool(self._firsts)

    async def _keep_looking(self) -> None:
        while True:
            await self._glances.wait()
            self._glances.clear()
            await self.look_at_all()

    async def _look_first(self) -> None:
        while True:
            collection = await self._firsts.next()
            async with self._slots:  # until then it is a name, and no task
                self._begin(collection, None)

    async def look_again(self, postponed: Postponed) -> None:
        """Ask for what has changed while a version of it was on its way, when that has ended."""
        while True:
            await self.ask(await postponed.take())

    async def scan(
        self, collection: str, changed: frozenset[str] | None, seen: bytes = b""
    ) -> None:
        """Scan once; what keeps it from scanning is waited out."""
        async with self._locks.setdefault(collection, asyncio.Lock()):
            with WAITS.trying("looking for sources") as trial:
                while True:
                    try:
                        await self._scan(collection, changed, seen)
                    except TransientError as error:
                        log.warning("look.failed", error=str(error))
                        trial.failed(error)
                        await asyncio.sleep(AFTER_FAILURE_S)
                    else:
                        break

    def _begin(self, collection: str, changed: frozenset[str] | None, seen: bytes = b"") -> None:
        if self._group is None:  # the first signal asks for everything, and so does the next start
            return
        if collection in self._firsts:
            if not self._turns.is_busy(
                collection
            ):  # its turn will come, and then all is looked at
                return
            self._firsts.leave(collection)
            changed = None
        asked = self._asked.setdefault(collection, Asked())
        asked.ask(changed, seen)
        if asked.looking is None:
            asked.looking = self._group.create_task(self._look(collection, asked))

    async def _look(self, collection: str, asked: Asked) -> None:
        try:
            while asked.is_wanted and collection in self._served:
                await self.scan(collection, *asked.take())
        finally:
            self._asked.pop(collection, None)

    async def _scan(self, collection: str, changed: frozenset[str] | None, seen: bytes) -> None:
        async with AsyncExitStack() as stack, AsyncExitStack() as slot:
            if not self._turns.is_busy(collection):
                await slot.enter_async_context(self._slots)
            using = partial(self._turns.using, collection, is_patient=True)
            begin = Beginning(using, stack, slot)
            publish = self._publisher.publish_steps
            await self.scanner.scan(collection, changed, publish, begin.ready, seen)
