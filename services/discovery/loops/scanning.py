"""Scans for sources whenever something says so, each collection by itself."""

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, field

import structlog

from services.discovery.handlers.postponed import Postponed
from services.discovery.handlers.scanner import SourceScanner
from services.discovery.ports import Trigger
from shared.bus.publishing.publisher import Publisher
from shared.errors import TransientError
from shared.waits import WAITS

AFTER_FAILURE_S = 2.0
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Asked:
    """What of a collection is to be looked at next."""

    paths: set[str] = field(default_factory=set)
    is_all: bool = False
    """Whether everything is, whatever the paths."""
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    is_looking: asyncio.Lock = field(default_factory=asyncio.Lock)

    def ask(self, changed: frozenset[str] | None) -> None:
        """Ask for a look at paths, or at everything, beside what was asked before."""
        self.paths |= changed or set()
        self.is_all |= changed is None
        self.wake.set()

    def take(self) -> frozenset[str] | None:
        """Take what was asked for."""
        changed = None if self.is_all else frozenset(self.paths)
        self.paths, self.is_all = set(), False
        self.wake.clear()
        return changed


class ScanLoop:
    """Has sources scanned, one scan of a collection at a time; no collection waits for another."""

    def __init__(self, scanner: SourceScanner, publisher: Publisher) -> None:
        self.scanner = scanner
        self._publisher = publisher
        self._asked: dict[str, Asked] = {}
        self._is_triggered = False

    async def run(self, trigger: Trigger) -> None:
        """Ask for a look whenever the trigger says so, until cancelled."""
        async with aclosing(trigger.signals()) as signals:
            async for changed in signals:
                self._is_triggered = True
                await self.ask(changed)

    async def ask(self, changed: frozenset[str] | None) -> None:
        """Ask for a look at paths, or at everything, of each collection that may have them."""
        collections = self._asked if changed is None else await self.scanner.at(changed)
        for collection in collections:
            if collection in self._asked:
                self._asked[collection].ask(changed)

    async def look_again(self, postponed: Postponed) -> None:
        """Ask for what has changed while a version of it was on its way, when that has ended."""
        while True:
            await self.ask(await postponed.take())

    async def follow(self, collection: str) -> None:
        """Look at a collection whenever that is asked for, until cancelled."""
        asked = self._asked.setdefault(collection, Asked())
        if self._is_triggered:
            self.scanner.begin_late(collection)
            asked.ask(None)
        try:
            while True:
                await asked.wake.wait()
                await self.scan(collection, asked.take())
        finally:
            del self._asked[collection]
            self.scanner.leave(collection)

    async def scan(self, collection: str, changed: frozenset[str] | None) -> None:
        """Scan once; what keeps it from scanning is waited out."""
        asked = self._asked.setdefault(collection, Asked())
        async with asked.is_looking:
            with WAITS.trying("looking for sources") as trial:
                while True:
                    try:
                        await self.scanner.scan(collection, changed, self._publisher.publish_steps)
                    except TransientError as error:
                        log.warning("look.failed", error=str(error))
                        trial.failed(error)
                        await asyncio.sleep(AFTER_FAILURE_S)
                    else:
                        break
