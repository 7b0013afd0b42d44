"""Begins with collections: those that are known at the start, and those that are made."""

import asyncio
from collections.abc import Iterable, Sequence

import structlog

from services.discovery.handlers.busy import BusyCollections
from services.discovery.loops.scanning import ScanLoop
from services.discovery.ports import NamedFolders, Trigger
from services.discovery.ports.resting import Consumers
from shared.assignments import Assignments
from shared.contracts.collections import CollectionRecord
from shared.errors import ConfigurationError, TransientError
from shared.waits import WAITS

RETRY_S = 0.5
log = structlog.get_logger(__name__)


class TakingUp:
    """Has the folders of collections read, and those worked on that have something to do."""

    def __init__(
        self,
        busy: BusyCollections,
        consumers: Consumers,
        folders: NamedFolders,
        scanning: ScanLoop,
        trigger: Trigger,
    ) -> None:
        self._busy = busy
        self._consumers = consumers
        self._folders = folders
        self._scanning = scanning
        self._trigger = trigger
        self._assignments: Assignments | None = None
        self._begun: set[str] = set()
        self._new: asyncio.Queue[CollectionRecord] = asyncio.Queue()

    async def go_on(self, known: Sequence[CollectionRecord], resting: Iterable[str]) -> None:
        """Create the consumers that are missing of what does not rest, whatever time it takes.

        One that the bus does not have any room for is left out until there is something to do.
        """
        busy = await self._declared([one for one in known if one.name not in {*resting}])
        self._busy.go_on(busy)
        for one in known:
            self._begun.add(one.name)
            if one.origin == "command":
                self._folders.add(one)
        self._scanning.serve({one.name for one in known})

    async def begin_known(self, assignments: Assignments) -> None:
        """Take up those that commands made before and that are busy, together."""
        self._assignments = assignments
        self._busy.begin(assignments)
        for name in self._busy.names:
            await assignments.take_up(name).is_ready.wait()

    async def begin(self, record: CollectionRecord) -> None:
        """Begin with a collection that was just recorded, unless that was done: it rests."""
        if record.name in self._begun:
            return
        self._begun.add(record.name)
        self._folders.add(record)
        self._scanning.serve({record.name})
        if record.sources:
            self._new.put_nowait(record)

    async def end(self, collection: str) -> None:
        """Be without a collection, and read none of its folders."""
        assert self._assignments is not None, "loops begin when all is taken up"  # noqa: S101
        await self._scanning.leave(collection)
        await self._busy.end(collection)
        await self._assignments.leave(collection)
        self._begun.discard(collection)
        self._folders.remove(collection)
        self._trigger.renew()

    async def look_at_new(self) -> None:
        """Have the folders watched of those that are made, as they come, until cancelled."""
        while True:
            await self._new.get()
            while not self._new.empty():
                self._new.get_nowait()
            self._trigger.renew()

    async def _declared(self, known: Sequence[CollectionRecord]) -> Sequence[CollectionRecord]:
        with WAITS.trying("declaring the consumers of the collections") as trial:
            while True:
                try:
                    await self._consumers.make([one.name for one in known])
                except TransientError as error:
                    log.warning("consumers.undeclared", error=str(error))
                    trial.failed(error)
                    await asyncio.sleep(RETRY_S)
                except ConfigurationError as error:
                    known = [one for one in known if await self._is_declared(one)]
                    log.error("consumers.refused", reason=str(error))  # noqa: TRY400
                else:
                    return known

    async def _is_declared(self, record: CollectionRecord) -> bool:
        try:
            await self._consumers.make([record.name])
        except (TransientError, ConfigurationError):
            return record.origin == "configuration"
        return True
