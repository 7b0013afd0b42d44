"""Publishes a command and waits for the events that answer it."""

import asyncio
import contextlib
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from uuid import uuid4

from nats.aio.client import Client
from nats.errors import Error as NatsError
from pydantic import ValidationError

from shared.bus.connection import jetstream
from shared.bus.messages.outgoing import MESSAGE_ID
from shared.bus.reading.direct_get import Stored
from shared.bus.reading.stream_reader import StreamReader
from shared.bus.registry.channel import Channel, split_subject
from shared.bus.registry.writing import WRITING_PUBLISHED
from shared.contracts.base import Command, Event
from shared.contracts.letters import LettersDropped, LettersReplayed
from shared.contracts.projection import ProjectionUpdated
from shared.contracts.writing import WritingPublished
from shared.errors import BusAway, TransientError


@dataclass(slots=True)
class Answer:
    """What came of a command, as far as it has been told."""

    correlation_id: str
    event: Event | None = None
    published: WritingPublished | None = None
    """The first public files with the new model."""
    _files: list[WritingPublished] = field(default_factory=list)

    @property
    def outcome(self) -> str:
        """The answering event's own word: updated, held, previewed, rejected, forgotten."""
        return split_subject(self.event.family)[1] if self.event else "none"

    @property
    def refused(self) -> int:
        """How many of the dead letters that were asked for stay what they are."""
        event = self.event
        return event.refused if isinstance(event, LettersReplayed | LettersDropped) else 0

    @property
    def is_complete(self) -> bool:
        """Whether nothing more is to be told."""
        needs_files = isinstance(self.event, ProjectionUpdated)
        return self.event is not None and (self.published is not None or not needs_files)

    def take(self, event: Event) -> None:
        """Note an event; the files may be told of before the model that they show."""
        if isinstance(event, WritingPublished):
            self._files.append(event)
        elif self.event is None and self.correlation_id in (
            event.correlation_id,
            *event.also_answers,
        ):
            self.event = event
        if isinstance(self.event, ProjectionUpdated) and self.published is None:
            version = self.event.model.version
            fits = (one for one in self._files if (one.model_version or 0) >= version)
            self.published = next(fits, None)


async def ask(
    client: Client, channel: Channel, collection: str, command: Command, *, timeout_s: float | None
) -> Answer:
    """Publish a command and wait for its answer.

    Returns:
        What has been told when the answer was complete or the time was up.

    Raises:
        TransientError: The bus did not take the command, or was lost while waiting.
    """
    answer = Answer(f"cli:{uuid4()}")
    command = command.model_copy(update={"correlation_id": answer.correlation_id})
    by_subject = {one.subject(collection): one for one in _answers(channel)}
    events = StreamReader(client, WRITING_PUBLISHED.stream, tuple(by_subject))
    try:
        # Asked for before the command is sent, so that no answer is missed.
        position = (await events.state()).last_seq
        await jetstream(client, timeout_s=5).publish(
            channel.subject(collection),
            command.model_dump_json(exclude_defaults=True).encode(),
            headers={MESSAGE_ID: answer.correlation_id},
        )
    except (NatsError, TimeoutError, BusAway) as error:
        raise TransientError(
            f"the bus does not take the command: {error or type(error).__name__}; "
            "are its streams declared? (mapstream streams apply)"
        ) from error
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(timeout_s), aclosing(events.follow(position)) as news:
            async for stored in news:
                if event := _read(stored, by_subject):
                    answer.take(event)
                if answer.is_complete:
                    break
    return answer


def _answers(channel: Channel) -> tuple[Channel, ...]:
    return (*channel.answers, WRITING_PUBLISHED)


def _read(stored: Stored, by_subject: Mapping[str, Channel]) -> Event | None:
    """Read an event; anything else on the subjects is passed over."""
    contract = by_subject[stored.subject].contract
    try:
        event = contract.model_validate_json(stored.data) if contract else None
    except ValidationError:
        return None
    return event if isinstance(event, Event) else None
