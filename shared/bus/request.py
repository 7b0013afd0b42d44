"""Gives a command and waits for the events that answer it: one way for all who ask."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Protocol, Self

from nats.aio.client import Client

from shared.bus.connection import jetstream
from shared.bus.messages.outgoing import MESSAGE_ID
from shared.bus.messages.received import CALLER
from shared.bus.reading.events import stored_event
from shared.bus.reading.stream_reader import StreamReader
from shared.bus.registry.channel import Channel
from shared.bus.registry.channels import BY_FAMILY
from shared.bus.registry.writing import WRITING_PUBLISHED
from shared.contracts.answers import Answer
from shared.contracts.base import Command
from shared.contracts.stored_events import StoredEvent
from shared.errors import BusAway

PUBLISH_S = 5.0


class Sender(Protocol):
    """Where commands go."""

    async def send(self, collection: str, command: Command) -> None:
        """Publish a command; see ``CommandSender``."""
        ...


class Events(Protocol):
    """The public events of a collection."""

    async def position(self) -> int:
        """Return a position that nothing which answers a command from now on comes before.

        Raises:
            BusAway: The bus did not answer.
        """
        ...

    def follow(self, after: int) -> AsyncGenerator[StoredEvent, None]:
        """Give every event after a position; an absent bus is waited for."""
        ...


async def request(
    command: Command,
    collection: str,
    *,
    sender: Sender,
    events: Events,
    timeout_s: float | None,
    shown_model: Callable[[], Awaitable[int | None]] | None = None,
) -> Answer:
    """Give a command and wait for its answer.

    Args:
        command: With a correlation id of its own, by which its answer is known.
        collection: Whom it is for.
        sender: Publishes it.
        events: Tells the answer.
        timeout_s: How long the answer is waited for; for ever if not given.
        shown_model: Tells which model the public files hold. Delivered twice, a command is
            answered twice, long after the files have its model and are not told of again.

    Returns:
        What has been told when the answer was complete or the time was up.

    Raises:
        BusAway: The bus did not say where its events end, or is away.
        NatsError: The bus did not take the command; so ``TimeoutError`` and ``OSError``.
    """
    answer = Answer(command.correlation_id or "")
    families = {one.family for one in answers_of(BY_FAMILY[command.family])}
    # Asked for before the command is sent, so that no answer is missed.
    after = await events.position()
    await sender.send(collection, command)
    with suppress(TimeoutError):
        async with asyncio.timeout(timeout_s), aclosing(events.follow(after)) as news:
            async for stored in news:
                event = stored.read() if stored.family in families else None
                if event is not None and answer.take(event) and shown_model:
                    answer.show(await shown_model())
                if answer.is_complete:
                    break
    return answer


def answers_of(command: Channel) -> tuple[Channel, ...]:
    """List the channels that tell what came of a command: of a new model, the files too."""
    return (*command.answers, WRITING_PUBLISHED)


@dataclass(frozen=True, slots=True)
class CommandSender:
    """Publishes commands; somebody waits for the answer, so it does not try for ever."""

    client: Client
    caller: str = ""
    """Whose token they came with, for the audit."""

    async def send(self, collection: str, command: Command) -> None:
        """Publish a command; its correlation id keeps it from being carried out twice.

        Raises:
            BusAway: The connection is lost; it was not sent.
            NatsError: The bus did not take it, or did not say so; so ``TimeoutError`` and
                ``OSError``.
        """
        if not self.client.is_connected:
            raise BusAway("the bus is away; the command was not sent")
        channel = BY_FAMILY[command.family]
        await jetstream(self.client, timeout_s=PUBLISH_S).publish(
            channel.subject(collection),
            command.model_dump_json(exclude_defaults=True).encode(),
            stream=channel.stream,
            headers={
                MESSAGE_ID: command.correlation_id or "",
                "content-type": channel.content_type,
                **({CALLER: self.caller} if self.caller else {}),
            },
        )


@dataclass(frozen=True, slots=True)
class AnswersOnTheBus:
    """What the stream of events tells about a kind of command."""

    reader: StreamReader

    @classmethod
    def of(cls, client: Client, command: type[Command], collection: str) -> Self:
        """Read what may answer such a command to this collection, and nothing else."""
        channels = answers_of(BY_FAMILY[command.family])
        subjects = tuple(one.subject(collection) for one in channels)
        return cls(StreamReader(client, WRITING_PUBLISHED.stream, subjects))

    async def position(self) -> int:
        """Return the end of the stream; see ``Events``.

        Raises:
            BusAway: The bus did not answer.
        """
        return (await self.reader.state()).last_seq

    async def follow(self, after: int) -> AsyncGenerator[StoredEvent, None]:
        """Give every answer after a position; see ``Events``."""
        async with aclosing(self.reader.follow(after)) as messages:
            async for raw in messages:
                yield stored_event(raw)
