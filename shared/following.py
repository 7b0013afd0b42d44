"""Follows discovery: the collections that it lists are worked on while all runs, and no others."""

import asyncio
import random
from collections.abc import Collection, Container
from dataclasses import dataclass
from typing import Protocol

import structlog

from shared.bus.broker import Bus
from shared.bus.reading.collections import CollectionBook, Listed
from shared.bus.reading.stream_reader import asked
from shared.contracts.collections import CollectionRecord
from shared.errors import TransientError
from shared.workers import Worker

WAIT_S = 5.0
"""So long discovery may keep its answer back while there is nothing new."""
AGAIN_S = 4.0
"""After a question that failed, and up to half as long again: not all ask at once."""
AFTER_CHANGE_S = 0.05
"""Between two changes: of many that come one by one, some are taken together."""
log = structlog.get_logger(__name__)


class Book(Protocol):
    """What discovery answers about the collections."""

    async def changed(self, known: str, wait_s: float) -> Listed | None:
        """Return all of them as soon as they are not what is known; none after a while.

        Raises:
            TransientError: Nobody answers.
        """


@dataclass(slots=True)
class Following:
    """Has worked on what discovery lists, and not on what it lists no more.

    Until discovery has answered, and while it does not, all stays as it is.
    """

    worker: Worker
    book: Book
    configured: Collection[str]
    """Those of the configuration: worked on until discovery says that one is gone."""
    closed: Container[str] = ()
    """Those that are deleted, whatever an older answer says."""
    known: str = ""
    """The revision of the list that was followed last."""

    async def run(self) -> None:
        """Follow until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            began_s = loop.time()
            pause_s = await self._look()
            await asyncio.sleep(max(0.0, began_s + pause_s - loop.time()))

    async def _look(self) -> float:
        """Ask once; returns how long after that the next question may follow at the earliest."""
        try:
            listed = await asked(self.book.changed(self.known, WAIT_S))
        except TransientError as error:
            log.debug("collections.unknown", error=str(error))
            return AGAIN_S * random.uniform(1.0, 1.5)  # noqa: S311  no secret
        if listed is None:
            return WAIT_S  # has passed by now, unless discovery does not let anybody wait
        self._work_on({one.name for one in listed.records if self._is_served(one)})
        self.known = listed.revision
        return AFTER_CHANGE_S

    def _is_served(self, record: CollectionRecord) -> bool:
        """Tell whether it is worked on: one of the configuration while that names it."""
        is_there = record.state == "active" and record.name not in self.closed
        return is_there and (record.origin == "command" or record.name in self.configured)

    def _work_on(self, names: set[str]) -> None:
        now = set(self.worker.names)
        for name in sorted(now - names):
            self.worker.end(name)
        for name in sorted(names - now):
            log.info("collection.found", collection=name)
            self.worker.begin(name, is_configured=name in self.configured)


async def follow(
    bus: Bus,
    worker: Worker,
    configured: Collection[str],
    closed: Container[str],
    *,
    is_busy: bool,
) -> None:
    """Follow what discovery lists, or what of it is busy, but for what is closed, for ever."""
    client = await bus.connect()
    await Following(worker, CollectionBook(client, is_busy), configured, closed).run()
