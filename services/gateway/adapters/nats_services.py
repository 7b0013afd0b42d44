"""Commands to the services, and what they tell about themselves."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from services.gateway.ports import EventLog
from services.gateway.ports.queues import Queue
from shared.bus.connection import BUS_ERRORS, Client, NotDeclared, jetstream
from shared.bus.reading.events import stored_event
from shared.bus.registry.durables import PER_COLLECTION
from shared.bus.request import AnswersOnTheBus, CommandSender, request
from shared.bus.status import collect
from shared.bus.topology import backlog
from shared.contracts.answers import Answer
from shared.contracts.base import Command, Event
from shared.contracts.commands import UNFOLLOWED
from shared.contracts.status_reading import Statuses
from shared.contracts.statuses import Wait
from shared.contracts.stored_events import StoredEvent
from shared.errors import BusAway
from shared.waits import WAITS

FRESH_S = 1.0
QUEUES_S = 2.0
"""So long the bus has to tell what waits."""
MOST_LOOKED_AT = 1024
"""Events of a collection that was just made, from its first one on."""


@dataclass(frozen=True, slots=True)
class EventsOf:
    """The events of one collection, as the gateway follows them for everybody."""

    log: EventLog
    collection: str

    async def position(self) -> int:
        """Return how far the gateway has read."""
        return self.log.position

    async def follow(self, after: int) -> AsyncGenerator[StoredEvent, None]:
        """Give every event of the collection after a position, until the gateway stops."""
        async with aclosing(self.log.follow(after, (self.collection,))) as news:
            async for stored in news:
                if stored is not None:
                    yield stored


class NatsCommandBus:
    """Gives commands, and finds their answers among the events that the gateway follows."""

    def __init__(self, client: Client, events: EventLog) -> None:
        self._client = client
        self._events = events

    async def request(
        self,
        collection: str,
        command: Command,
        *,
        caller: str,
        timeout_s: float,
        shown_model: Callable[[], Awaitable[int | None]],
    ) -> Answer:
        """Give a command and wait for its answer; see the port.

        Raises:
            BusAway: The bus did not take it, or did not say so.
        """
        of_itself = AnswersOnTheBus.of(self._client, type(command), collection)
        is_followed = not isinstance(command, UNFOLLOWED)
        try:
            return await request(
                command,
                collection,
                sender=CommandSender(self._client, caller),
                events=EventsOf(self._events, collection) if is_followed else of_itself,
                timeout_s=timeout_s,
                shown_model=shown_model,
            )
        except BUS_ERRORS as error:
            raise BusAway(
                f"the bus did not confirm command {command.correlation_id}: {error!r}"
            ) from error

    async def answer_to(
        self, collection: str, command: type[Command], correlation_id: str
    ) -> Event | None:
        """Look for the answer to a command; see the port.

        Raises:
            BusAway: The bus did not answer.
        """
        answers = AnswersOnTheBus.of(self._client, command, collection)
        stored, _ = await answers.reader.some(0, MOST_LOOKED_AT)
        read = (stored_event(one).read() for one in stored)
        return next((one for one in read if one and correlation_id in one.answered), None)


class NatsStatusBoard:
    """Asks all services at once; what they said stays true for a second."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._asking = asyncio.Lock()
        self._known: Statuses = {}
        self._asked_s = float("-inf")

    async def statuses(self) -> Statuses | None:
        """Return the statuses of each service's instances; nothing if the bus is away."""
        async with self._asking:
            if not self._client.is_connected:
                return None
            now_s = asyncio.get_running_loop().time()
            if now_s - self._asked_s < FRESH_S:
                return self._known
            try:
                self._known = await collect(self._client, awaited=self._known)
            except BUS_ERRORS:
                return None
            self._asked_s = asyncio.get_running_loop().time()
            return self._known

    async def queues(self, collection: str) -> Sequence[Queue]:
        """Ask the bus what it has for each stage; see the port.

        Raises:
            BusAway: It did not answer.
        """
        js = jetstream(self._client, timeout_s=QUEUES_S)
        found = []
        for durable in PER_COLLECTION:
            try:
                left = await backlog(js, durable, collection)
            except NotDeclared:
                continue  # it is made, or deleted, at this moment
            except BUS_ERRORS as error:
                raise BusAway(f"the bus does not tell what waits: {error!r}") from error
            place = (left.waiting, left.in_hand, left.settled_to)
            found.append(Queue(durable.service, durable.reads, *place))
        return found

    def waits(self) -> Sequence[Wait]:
        """Return what this process waits for; see the port."""
        return [Wait.model_validate(one) for one in WAITS.told()]
