"""Runs what a service opens, for its collections, as the runtime does."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from shared.assignments import Assignments, Resources
from shared.bus.broker import Bus
from shared.bus.registry.durables import Durable


@asynccontextmanager
async def at_work(
    bus: Bus,
    durables: Sequence[Durable],
    resources: AbstractAsyncContextManager[Resources],
    *,
    collections: Sequence[str] = ("default",),
) -> AsyncIterator[Assignments]:
    async with resources as opened:
        assignments = Assignments(bus, durables, lambda _: (), opened.open, tell=lambda _: None)
        async with assignments.working():
            for one in collections:
                await assignments.take_up(one).is_ready.wait()
            await opened.begin(assignments)
            await assignments.act_for_all(opened, {}).is_ready.wait()
            yield assignments
