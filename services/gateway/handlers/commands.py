"""Commands from HTTP, and what became of them: an operation is told by the events that answer."""

import asyncio
from collections import OrderedDict
from collections.abc import Collection
from contextlib import aclosing
from functools import partial
from uuid import uuid4

from services.gateway.domain.operations import Progress, State
from services.gateway.handlers.answers import Operation
from services.gateway.handlers.verdicts import EventVerdict, judge
from services.gateway.ports import CommandBus, EventLog, MapReader
from shared.contracts.base import Command, Event
from shared.contracts.commands import BY_NAME, UNFOLLOWED, name_of
from shared.errors import BusAway, TransientError

REMEMBERED = 1024


class Commands:
    """Sends commands and knows what became of them; all of it is on the bus too."""

    def __init__(
        self,
        collections: Collection[str],
        *,
        bus: CommandBus,
        events: EventLog,
        maps: MapReader,
        patience_s: float,
    ) -> None:
        self._collections = collections
        self._bus = bus
        self._events = events
        self._maps = maps
        self._patience_s = patience_s
        self._sent: OrderedDict[str, Operation] = OrderedDict()
        self._verdicts: OrderedDict[str, EventVerdict] = OrderedDict()

    async def carry_out(self, collection: str, command: Command, *, caller: str = "") -> Operation:
        """Send a command and wait for the outcome as long as patience lasts.

        A refit or rollback is done when the public files hold its map.

        Raises:
            BusAway: The bus did not take the command, or did not say so.
        """
        correlation_id = str(uuid4())
        operation = Operation(
            id=correlation_id,
            state=State.PENDING,
            collection=collection,
            command=name_of(command),
        )
        _remember(self._sent, correlation_id, operation)
        try:
            answer = await self._bus.request(
                collection,
                command.model_copy(update={"correlation_id": correlation_id}),
                caller=caller,
                timeout_s=self._patience_s,
                shown_model=partial(self._shown_model, collection),
            )
        except BusAway:
            self._sent.pop(correlation_id, None)
            raise
        if answer.event is None:
            return operation
        self._take(answer.event)
        verdict = judge(answer.event, correlation_id)
        return _told(operation, Progress(verdict, answer.shown_model))

    async def find(self, operation_id: str) -> Operation | None:
        """Return what became of a command; nothing if no event tells of it.

        Raises:
            BusAway: It is not known here, and the bus did not answer.
            TransientError: The public files could not be read.
        """
        verdict = self._verdicts.get(operation_id)
        sent = self._sent.get(operation_id)
        if verdict is None and sent is None:
            for stored in await self._events.answers(operation_id):
                self._take(stored.read())
            verdict = self._verdicts.get(operation_id)
        kind = BY_NAME[sent.command] if sent is not None and sent.command else None
        if verdict is None and sent is not None and kind in UNFOLLOWED:
            self._take(await self._bus.answer_to(sent.collection, kind, operation_id))
            verdict = self._verdicts.get(operation_id)
        if verdict is None:
            return sent
        collection = verdict.answer.collection
        marks = await self._maps.marks(collection)
        progress = Progress(verdict, (marks.model_version if marks else None) or 0)
        plain = sent or Operation(id=operation_id, state=State.PENDING, collection=collection)
        return _told(plain, progress)

    async def watch(self) -> None:
        """Remember every answer that passes by, until the gateway stops."""
        followed = self._events.follow(self._events.position, self._collections)
        async with aclosing(followed) as news:
            async for stored in news:
                if stored is not None and stored.is_answer:
                    self._take(stored.read())
        await asyncio.Event().wait()  # it stops; a loop that returns would look like one that died

    def _take(self, event: Event | None) -> None:
        if event is None:
            return
        for correlation_id in event.answered:
            if correlation_id not in self._verdicts:
                _remember(self._verdicts, correlation_id, judge(event, correlation_id))

    async def _shown_model(self, collection: str) -> int | None:
        try:
            marks = await self._maps.marks(collection)
        except TransientError:
            return None
        return marks.model_version if marks else None


def _remember(memory: OrderedDict, key: str, value: Operation | EventVerdict) -> None:
    memory[key] = value
    if len(memory) > REMEMBERED:
        memory.popitem(last=False)


def _told(operation: Operation, progress: Progress) -> Operation:
    """Say in an operation how far it is."""
    if progress.verdict is None:
        return operation
    news = {"command": operation.command, "state": progress.state}
    return progress.verdict.answer.model_copy(update=news)
