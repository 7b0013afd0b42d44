"""Commands from HTTP, and what became of them: an operation is told by the events that answer."""

import asyncio
from collections import OrderedDict
from contextlib import aclosing
from uuid import uuid4

from services.gateway.domain.operations import Progress, State
from services.gateway.handlers.answers import Operation
from services.gateway.handlers.verdicts import EventVerdict, answered_by, is_answer, judge, read
from services.gateway.ports import CommandBus, EventLog, MapReader, Told
from shared.contracts.base import Command
from shared.contracts.commands import name_of
from shared.contracts.writing import WritingPublished
from shared.errors import TransientError

REMEMBERED = 1024


class Commands:
    """Sends commands and knows what became of them; all of it is on the bus too."""

    def __init__(
        self,
        collections: tuple[str, ...],
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
        command = command.model_copy(update={"correlation_id": correlation_id})
        operation = Operation(
            id=correlation_id,
            state=State.PENDING,
            collection=collection,
            command=name_of(command),
        )
        after = self._events.position
        await self._bus.send(collection, command, caller=caller)
        _remember(self._sent, correlation_id, operation)
        return await self._outcome(operation, after)

    async def find(self, operation_id: str) -> Operation | None:
        """Return what became of a command; nothing if no event tells of it.

        Raises:
            BusAway: It is not known here, and the bus did not answer.
            TransientError: The public files could not be read.
        """
        verdict = self._verdicts.get(operation_id)
        sent = self._sent.get(operation_id)
        if verdict is None and sent is None:
            for told in await self._events.answers(operation_id):
                self._take(told)
            verdict = self._verdicts.get(operation_id)
        if verdict is None:
            return sent
        collection = verdict.answer.collection
        marks = await self._maps.marks(collection)
        progress = Progress(verdict).published(marks.model_version if marks else None)
        plain = sent or Operation(id=operation_id, state=State.PENDING, collection=collection)
        return _told(plain, progress)

    async def watch(self) -> None:
        """Remember every answer that passes by, until the gateway stops."""
        followed = self._events.follow(self._events.position, self._collections)
        async with aclosing(followed) as news:
            async for told in news:
                if told is not None:
                    self._take(told)
        await asyncio.Event().wait()  # it stops; a loop that returns would look like one that died

    def _take(self, told: Told) -> None:
        event = read(told) if is_answer(told.family) else None
        if event is not None:
            for correlation_id in answered_by(event):
                if correlation_id not in self._verdicts:
                    _remember(self._verdicts, correlation_id, judge(event, correlation_id))

    async def _outcome(self, operation: Operation, after: int) -> Operation:
        progress: Progress = Progress()
        try:
            async with (
                asyncio.timeout(self._patience_s),
                aclosing(self._events.follow(after, (operation.collection,))) as news,
            ):
                async for told in news:
                    if told is not None:
                        progress = await self._advance(progress, operation, told)
                    if progress.state is not State.PENDING:
                        break
        except TimeoutError:
            pass
        return _told(operation, progress)

    async def _advance(self, progress: Progress, operation: Operation, told: Told) -> Progress:
        if told.family == WritingPublished.family:
            event = read(told)
            version = event.model_version if isinstance(event, WritingPublished) else None
            return progress.published(version)
        self._take(told)
        verdict = self._verdicts.get(operation.id)
        if verdict is None or progress.verdict is not None:
            return progress
        # Delivered twice, a command is answered twice, long after the files have its map.
        return progress.judged(verdict).published(await self._readable(operation.collection))

    async def _readable(self, collection: str) -> int | None:
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
