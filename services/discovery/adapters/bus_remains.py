"""What the bus and the other services have of a collection that is deleted."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shared.bus.asking import ask_all
from shared.bus.broker import Bus
from shared.bus.connection import BUS_ERRORS
from shared.bus.consumers import remove_consumers
from shared.bus.purging import purge_collection
from shared.bus.registry.questions import COLLECTIONS_REMOVE
from shared.contracts.collections import CollectionRecord, RemoveCollection
from shared.errors import TransientError
from shared.task_groups import TaskGroup

ANSWER_S = 3.0
"""A process that lives answers sooner; one that was killed is asked again when it is back."""


class BusRemains:
    """Asks the stages, and takes out of the bus what is left."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def leave_stages(self, record: CollectionRecord) -> None:
        """See Remains."""
        asked = RemoveCollection(id=record.id, name=record.name)
        async with TaskGroup() as group:
            asking = [group.create_task(self._ask(one, asked)) for one in COLLECTIONS_REMOVE]
        if missing := [why for one in asking if (why := one.result())]:
            raise TransientError("; ".join(missing))

    async def remove_consumers(self, collection: str) -> None:
        """See Remains."""
        async with _answering():
            await remove_consumers(self._bus.js, collection)

    async def purge(self, collection: str, *, is_ended: bool = False) -> None:
        """See Remains."""
        async with _answering():
            await purge_collection(self._bus.js, collection, is_ended=is_ended)

    async def _ask(self, service: str, asked: RemoveCollection) -> str | None:
        """Return what keeps a service from being without the collection, if anything does."""
        try:
            client = await self._bus.connect()
            question = COLLECTIONS_REMOVE[service]
            answers = await ask_all(client, question, asked, wait_s=ANSWER_S)
        except TransientError as error:
            return str(error)
        for one in answers:
            if one.id != asked.id:
                return f"{service} answers for another collection, {one.id}"
            if not one.is_gone:
                return f"{service} has it yet: {one.why_not or 'it does not say why'}"
        return None


@asynccontextmanager
async def _answering() -> AsyncIterator[None]:
    try:
        yield
    except BUS_ERRORS as error:
        raise TransientError(f"the bus does not take it out yet: {error!r}") from error
