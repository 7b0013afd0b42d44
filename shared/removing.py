"""Removes what a service keeps of the collections that are deleted, when discovery asks for it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from shared.bus.answering import answer
from shared.bus.broker import Bus
from shared.bus.registry.questions import COLLECTIONS_REMOVE
from shared.contracts.collections import CollectionRemoved, RemoveCollection
from shared.errors import ConfigurationError, TransientError
from shared.task_groups import TaskGroup, end

SOON_S = 0.2
"""So long an answer waits for the removal, to say that it is done; discovery asks again.

Much less than others are waited for after the first answer: one that is busy must be heard, too.
"""
UNDER_WAY = "it is finishing what it has in hand, or removing what it keeps"
CONFIGURED = (
    "its configuration names the collection: take it out of 'collections', and start it again"
)
log = structlog.get_logger(__name__)


class Leaves(Protocol):
    """Works on collections."""

    async def leave(self, collection: str) -> None:
        """Finish what is in hand of a collection, and be without it."""


@dataclass(slots=True)
class Removals:
    """Leaves and removes collections, each in a task of its own, however often that is asked."""

    assignments: Leaves
    remove: Callable[[str], Awaitable[None]]
    """Removes what is kept of a collection; finds what an earlier try has left."""
    configured: Sequence[str]
    closed: set[str] = field(default_factory=set, init=False)
    """Names that are never taken up again: no other collection will have them."""
    _group: TaskGroup = field(default_factory=TaskGroup, init=False)
    _tasks: dict[str, asyncio.Task[str | None]] = field(default_factory=dict, init=False)

    @asynccontextmanager
    async def answering(self, bus: Bus) -> AsyncIterator[None]:
        """Answer, if the service is one that is asked, until the block ends.

        Raises:
            NatsError: The server cannot be reached.
        """
        async with self._group:
            if question := COLLECTIONS_REMOVE.get(bus.service):
                await answer(bus.broker, question, self.tell)
            try:
                yield
            finally:
                await end([*self._tasks.values()])

    async def tell(self, asked: RemoveCollection) -> CollectionRemoved:
        """Have a collection removed, and tell whether it is."""
        if asked.name in self.configured:
            return CollectionRemoved(id=asked.id, is_gone=False, why_not=CONFIGURED)
        self.closed.add(asked.name)
        if asked.name not in self._tasks:
            self._tasks[asked.name] = self._group.create_task(self._remove(asked.name))
        task = self._tasks[asked.name]
        await asyncio.wait({task}, timeout=SOON_S)
        if not task.done():
            return CollectionRemoved(id=asked.id, is_gone=False, why_not=UNDER_WAY)
        self._tasks.pop(asked.name, None)
        return CollectionRemoved(id=asked.id, is_gone=task.result() is None, why_not=task.result())

    async def _remove(self, name: str) -> str | None:
        """Leave and remove a collection; returns what keeps it from being gone."""
        await self.assignments.leave(name)
        try:
            await self.remove(name)
        except (TransientError, ConfigurationError, OSError) as error:
            log.warning("collection.kept", collection=name, reason=str(error))
            return str(error)
        log.info("collection.removed", collection=name)
        return None
