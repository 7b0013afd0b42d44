"""Follows discovery: the collections that it lists are worked on while all runs, and no others."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from shared.assignments import Assignments
from shared.bus.broker import Bus
from shared.bus.reading.collections import CollectionBook, changes_heard
from shared.bus.reading.stream_reader import asked
from shared.contracts.collections import CollectionRecord
from shared.errors import TransientError

LOOK_EVERY_S = 4.0
"""Between two looks at the whole list, and up to half as long again: not all look at once."""
log = structlog.get_logger(__name__)


class Book(Protocol):
    """What discovery answers about the collections."""

    async def all(self) -> Sequence[CollectionRecord]:
        """Return all of them.

        Raises:
            TransientError: Nobody answers.
        """

    async def find(self, name: str) -> CollectionRecord | None:
        """Return the one of a name, if there is one; raises as ``all``."""


@dataclass(slots=True)
class Following:
    """Takes up what discovery lists and leaves what it lists no more, each in its own task.

    Until discovery has answered, and while it does not, all stays as it is.
    """

    assignments: Assignments
    book: Book
    configured: Sequence[str]
    """Those of the configuration: worked on until discovery says that one is gone."""
    told: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    """Names of collections of which something was told: looked at before the next whole look."""

    async def run(self) -> None:
        """Follow until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await self._look_at_all()
            until_s = loop.time() + LOOK_EVERY_S * random.uniform(1.0, 1.5)  # noqa: S311  no secret
            while name := await self._told_before(until_s):
                await self._look_at(name)

    async def _told_before(self, until_s: float) -> str | None:
        try:
            async with asyncio.timeout_at(until_s):
                return await self.told.get()
        except TimeoutError:
            return None

    async def _look_at_all(self) -> None:
        try:
            found = await asked(self.book.all())
        except TransientError as error:
            log.debug("collections.unknown", error=str(error))
            return
        self._work_on({one.name for one in found if self._is_served(one)})

    async def _look_at(self, name: str) -> None:
        try:
            found = await asked(self.book.find(name))
        except TransientError as error:  # the next whole look finds it
            log.debug("collections.unknown", collection=name, error=str(error))
            return
        served = {name} if found and self._is_served(found) else set()
        self._work_on(set(self.assignments.names) - {name} | served)

    def _is_served(self, record: CollectionRecord) -> bool:
        """Tell whether it is worked on: one of the configuration while that names it."""
        return record.state == "active" and (
            record.origin == "command" or record.name in self.configured
        )

    def _work_on(self, names: set[str]) -> None:
        now = set(self.assignments.names)
        for name in sorted(now - names):
            self.assignments.begin_to_leave(name)
        for name in sorted(names - now):
            log.info("collection.found", collection=name)
            self.assignments.take_up(name, fails_alone=name not in self.configured)


async def follow(bus: Bus, assignments: Assignments, configured: Sequence[str]) -> None:
    """Follow what discovery lists, until cancelled."""
    client = await bus.connect()
    following = Following(assignments, CollectionBook(client), configured)
    async with changes_heard(client, following.told.put_nowait):
        await following.run()
