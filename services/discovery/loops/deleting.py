"""Has collections deleted, each in a task of its own: one that waits keeps no other waiting."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import structlog

from services.discovery.handlers.deletion import Deletion
from shared.bus.publishing.publisher import Publisher
from shared.contracts.collections import CollectionRecord
from shared.errors import TransientError
from shared.task_groups import LOOP_S, TaskGroup
from shared.waits import WAITS

FIRST_PAUSE_S = 0.25
LONGEST_PAUSE_S = 5.0
LATE_S = 60.0
LATE = "taking away what came late of deleted collections"
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class DeletingLoop:
    """Deletes what was begun before, and what is wanted meanwhile."""

    deletion: Deletion
    begun: Callable[[], Awaitable[Sequence[CollectionRecord]]]
    """Lists those whose deletion has begun and not ended."""
    publisher: Publisher
    late_s: float = LATE_S
    _under_way: set[str] = field(default_factory=set, init=False)

    async def run(self) -> None:
        """Delete until cancelled."""
        async with TaskGroup(LOOP_S) as group:
            group.create_task(self._take_late())
            while True:
                for record in await self._all_begun():
                    if record.id not in self._under_way:
                        self._under_way.add(record.id)
                        group.create_task(self._delete(record))
                await self.deletion.wanted.wait()
                self.deletion.wanted.clear()

    async def _all_begun(self) -> Sequence[CollectionRecord]:
        with WAITS.trying("looking for collections to delete") as trial:
            while True:
                try:
                    return await self.begun()
                except TransientError as error:
                    trial.failed(error)
                    await asyncio.sleep(FIRST_PAUSE_S)

    async def _delete(self, record: CollectionRecord) -> None:
        pause_s = FIRST_PAUSE_S
        with WAITS.trying(f"deleting collection {record.name}") as trial:
            while True:
                try:
                    await self.publisher.publish_steps(self.deletion.carry_out(record))
                except TransientError as error:
                    log.warning("deletion.postponed", collection=record.name, reason=str(error))
                    trial.failed(error)
                    await asyncio.sleep(pause_s)
                    pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
                else:
                    break
        self._under_way.discard(record.id)

    async def _take_late(self) -> None:
        while True:
            with WAITS.retrying(LATE, partial(log.warning, "late.kept")):
                await self.deletion.take_late()
            await asyncio.sleep(self.late_s)
