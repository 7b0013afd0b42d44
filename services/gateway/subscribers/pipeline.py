"""Commands to the services, and what they tell about themselves."""

import asyncio
from collections.abc import Sequence

from nats.aio.client import Client

from shared.bus.connection import jetstream
from shared.bus.messages.outgoing import MESSAGE_ID
from shared.bus.messages.received import CALLER
from shared.bus.reading.stream_reader import BUS_ERRORS
from shared.bus.registry.channel import JSON
from shared.bus.registry.channels import BY_FAMILY
from shared.bus.status import collect
from shared.contracts.base import Command
from shared.contracts.statuses import Wait
from shared.contracts.told import Statuses
from shared.errors import BusAway
from shared.waits import WAITS

FRESH_S = 1.0
PUBLISH_S = 5.0


class NatsCommandBus:
    """Publishes commands; somebody waits for the answer, so it does not try for ever."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def send(self, collection: str, command: Command, *, caller: str) -> None:
        """Publish a command; its correlation id keeps it from being carried out twice.

        Raises:
            BusAway: The bus did not take it, or did not say so.
        """
        if not self._client.is_connected:
            raise BusAway("the bus is away; the command was not sent")
        channel = BY_FAMILY[command.family]
        try:
            await jetstream(self._client, timeout_s=PUBLISH_S).publish(
                channel.subject(collection),
                command.model_dump_json(exclude_defaults=True).encode(),
                stream=channel.stream,
                headers={
                    MESSAGE_ID: command.correlation_id or "",
                    "content-type": JSON,
                    **({CALLER: caller} if caller else {}),
                },
            )
        except BUS_ERRORS as error:
            raise BusAway(
                f"the bus did not confirm command {command.correlation_id}: {error!r}"
            ) from error


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

    def waits(self) -> Sequence[Wait]:
        """Return what this process waits for; see the port."""
        return [Wait.model_validate(one) for one in WAITS.told()]
