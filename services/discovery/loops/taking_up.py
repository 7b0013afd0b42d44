"""Begins to work on collections: those that are known at the start, and those that are made."""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress

import structlog

from services.discovery.loops.scanning import ScanLoop
from services.discovery.ports import NamedFolders, Trigger
from shared.assignments import Assignments
from shared.bus.broker import Bus
from shared.bus.connection import BUS_ERRORS
from shared.bus.consumers import declare_consumers, remove_consumers
from shared.contracts.collections import CollectionRecord
from shared.errors import ConfigurationError, TransientError
from shared.waits import WAITS

RETRY_S = 0.5
log = structlog.get_logger(__name__)


class TakingUp:
    """Declares the consumers of collections, has them taken up and their folders read."""

    def __init__(
        self, bus: Bus, folders: NamedFolders, scanning: ScanLoop, trigger: Trigger
    ) -> None:
        self._bus = bus
        self._folders = folders
        self._scanning = scanning
        self._trigger = trigger
        self._assignments: Assignments | None = None
        self._known: Sequence[CollectionRecord] = ()
        self._new: asyncio.Queue[CollectionRecord] = asyncio.Queue()

    async def declare(self, known: Sequence[CollectionRecord]) -> None:
        """Create the consumers that are missing of those that are known, whatever time it takes.

        One that the bus does not have any room for is left out: its command says so, or somebody
        makes room and starts discovery again.
        """
        with WAITS.trying("declaring the consumers of the collections") as trial:
            while True:
                try:
                    await self._declare([one.name for one in known])
                except TransientError as error:
                    log.warning("consumers.undeclared", error=str(error))
                    trial.failed(error)
                    await asyncio.sleep(RETRY_S)
                except ConfigurationError as error:
                    known = [one for one in known if await self._is_declared(one)]
                    log.error("consumers.refused", reason=str(error))  # noqa: TRY400
                else:
                    break
        self._known = [one for one in known if one.origin == "command"]
        for one in self._known:
            self._folders.add(one)

    async def begin_known(self, assignments: Assignments) -> None:
        """Take up those that commands made before, together."""
        self._assignments = assignments
        taken = [assignments.take_up(one.name) for one in self._known]
        for one in taken:
            await one.is_ready.wait()

    async def begin(self, record: CollectionRecord) -> None:
        """Begin to work on a collection that was just recorded, unless that was done.

        Raises:
            ConfigurationError: The bus refuses its consumers.
            TransientError: The bus did not answer.
        """
        assert self._assignments is not None, "commands are read when all is taken up"  # noqa: S101
        if self._assignments.has(record.name):
            return
        try:
            await self._declare([record.name])
        except ConfigurationError:
            with suppress(*BUS_ERRORS):
                await remove_consumers(self._bus.js, record.name)
            raise
        self._assignments.take_up(record.name)
        if record.sources:
            self._folders.add(record)
            self._new.put_nowait(record)

    async def look_at_new(self) -> None:
        """Look at the folders of those that are made as they come, until cancelled."""
        while True:
            records = [await self._new.get()]
            while not self._new.empty():
                records.append(self._new.get_nowait())
            self._trigger.renew()
            await self._scanning.ask(frozenset(_paths(records)))

    async def _is_declared(self, record: CollectionRecord) -> bool:
        try:
            await self._declare([record.name])
        except (TransientError, ConfigurationError):
            return record.origin == "configuration"
        return True

    async def _declare(self, names: Sequence[str]) -> None:
        client = await self._bus.connect()
        try:
            await declare_consumers(client, names, self._bus.section.ack_wait_s)
        except BUS_ERRORS as error:
            raise TransientError(f"the consumers cannot be made yet: {error!r}") from error


def _paths(records: Iterable[CollectionRecord]) -> Iterable[str]:
    return (source.path for one in records for source in one.sources)
