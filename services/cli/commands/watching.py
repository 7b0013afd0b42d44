"""Looks at a running pipeline over its bus."""

import asyncio
from dataclasses import dataclass
from uuid import uuid4

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js.api import ConsumerConfig, DeliverPolicy

from services.cli.domain.figures import Figures
from shared.bus.channels import COMMAND_REFIT, DEAD, DURABLES
from shared.bus.outgoing import MESSAGE_ID
from shared.bus.status import collect
from shared.bus.topology import backlog
from shared.contracts.commands import Refit


@dataclass(frozen=True, slots=True)
class DeadLetterLine:
    """A dead letter as it is listed."""

    stage: str
    file: str
    line: str
    reason: str


class Watcher:
    """Looks at one collection."""

    def __init__(self, client: Client, collection: str) -> None:
        self._client = client
        self._js = client.jetstream(timeout=5)
        self._collection = collection

    async def look(self) -> Figures:
        """Ask every service and the server once; what does not answer counts as absent."""
        try:
            statuses = await collect(self._client, wait_s=0.25)
            lag = await self._lag()
        except (NatsError, TimeoutError, OSError):
            return Figures()
        return Figures.of(statuses, lag, self._collection)

    async def refit(self, reason: str) -> None:
        """Publish a refit command.

        Raises:
            NatsError: The stream of commands did not take it.
        """
        correlation_id = f"cli:{uuid4()}"
        command = Refit(reason=reason, correlation_id=correlation_id)
        await self._js.publish(
            COMMAND_REFIT.subject(self._collection),
            command.model_dump_json().encode(),
            headers={MESSAGE_ID: correlation_id},
        )

    async def dead_letters(self, limit: int) -> list[DeadLetterLine]:
        """List the newest dead letters that the bus still has, oldest first."""
        found: list[DeadLetterLine] = []
        subjects = [channel.subject(self._collection) for channel in DEAD.values()]
        config = ConsumerConfig(
            filter_subjects=subjects, deliver_policy=DeliverPolicy.ALL, headers_only=True
        )
        stream = next(iter(DEAD.values())).stream
        subscription = await self._js.pull_subscribe("", stream=stream, config=config)
        try:
            while True:
                for message in await subscription.fetch(256, timeout=1):
                    headers = message.headers or {}
                    found.append(
                        DeadLetterLine(
                            headers.get("mapstream-stage", ""),
                            headers.get("mapstream-file", ""),
                            headers.get("mapstream-line", ""),
                            headers.get("mapstream-reason", ""),
                        )
                    )
                    await message.ack()
        except (TimeoutError, NatsError):
            pass
        finally:
            await subscription.unsubscribe()
        return found[-limit:]

    async def _lag(self) -> dict[str, int]:
        lag: dict[str, int] = {}
        async with asyncio.TaskGroup() as group:
            asked = {
                durable: group.create_task(backlog(self._js, durable, self._collection))
                for durable in DURABLES
            }
        for durable, answer in asked.items():
            lag[durable.service] = lag.get(durable.service, 0) + answer.result().total
        return lag
