"""Runs the subscribers of a service in memory, on FastStream's broker for tests."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from faststream.nats import NatsBroker, NatsRouter, TestNatsBroker

from shared.bus.broker import build_bus
from shared.bus.consuming.settling import Settler
from shared.bus.messages.outgoing import Outgoing
from shared.bus.publishing.publisher import Publisher
from shared.settings import NatsSection


class RecordingPublisher(Publisher):
    """Keeps what is published, step by step."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.steps: list[list[Outgoing]] = []

    @property
    def published(self) -> list[Outgoing]:
        return [one for step in self.steps for one in step]

    async def publish_all(self, messages: Iterable[Outgoing]) -> int:
        self.steps.append(list(messages))
        return len(self.published)


@dataclass(slots=True)
class InMemory:
    """A broker, and what its subscribers had published."""

    broker: NatsBroker
    publisher: RecordingPublisher
    sent: int = field(default=0, init=False)

    async def deliver(self, message: Outgoing) -> None:
        """Hand a message to whoever reads it, as a stream's first delivery; acks go nowhere."""
        self.sent += 1
        channel = message.channel
        place = f"$JS.ACK.{channel.stream}.in-memory.1.{self.sent}.1.1700000000000000000.0"
        await self.broker.publish(
            message.body,
            channel.subject(message.collection),
            stream=channel.stream,
            reply_to=place,
            headers={"Nats-Msg-Id": message.message_id, **message.headers},
        )


@asynccontextmanager
async def in_memory(
    service: str, build_router: Callable[[Settler], NatsRouter]
) -> AsyncIterator[InMemory]:
    """Run what a service reads, without a server."""
    bus = build_bus(NatsSection(), service)
    publisher = RecordingPublisher(bus.broker, service)
    bus.broker.include_router(build_router(replace(bus.settler, publisher=publisher)))
    async with TestNatsBroker(bus.broker):
        yield InMemory(bus.broker, publisher)
