"""Publishes a message and returns when the stream has stored it."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, nullcontext
from itertools import groupby
from time import perf_counter

import structlog
from faststream.nats import NatsBroker
from nats.errors import Error as NatsError
from nats.errors import MaxPayloadError
from nats.js.errors import APIError, BadRequestError, NoStreamResponseError

from shared.bus.message_metrics import REFUSED, UNREACHABLE, published
from shared.bus.messages.causation import FIRST_PUBLISHED, Origin, origin_of
from shared.bus.messages.outgoing import MESSAGE_ID, Outgoing, Steps
from shared.bus.publishing.dead_letter_limit import (
    DeadLetterLimits,
    DeadLetterRefusedError,
    outcomes_of,
)
from shared.bus.publishing.queues import Queues, is_subject_full
from shared.bus.registry.streams import REMEDY
from shared.clock import Clock, SystemClock
from shared.errors import InvalidMessage, Unfit
from shared.observability import metrics, tracing
from shared.task_groups import LimitedTaskGroup
from shared.waits import WAITS, Trial

MAX_MESSAGE = 7 << 20
"""The server takes 8 MiB with headers; above that it closes the connection for good."""
FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 2.0
FULL_PAUSE_S = 0.25
"""How often a full stream is tried again: only by the first of those who wait for room."""
ACK_TIMEOUT_S = 5.0
TOGETHER = 16
"""So many messages are on their way at once: each costs half of what it costs alone."""
log = structlog.get_logger(__name__)


Around = Callable[[Outgoing], AbstractAsyncContextManager[None]]


class Publisher:
    """Sends messages to the streams and waits as long as that takes."""

    def __init__(
        self,
        broker: NatsBroker,
        service: str,
        clock: Clock | None = None,
        dead_letter_limits: DeadLetterLimits | None = None,
    ) -> None:
        self.dead_letter_limits = dead_letter_limits or DeadLetterLimits()
        self._broker = broker
        self._service = service
        self._source = f"/mapstream/{service}"
        self._clock = clock or SystemClock()
        self.waiting_since_tries = 0
        self._queues = Queues()
        self.around: Around = lambda _: nullcontext()
        """What each message is published within."""

    async def publish_all(self, messages: Iterable[Outgoing]) -> int:
        """Publish what came of a message, and return when all is stored.

        Messages of one channel that follow each other go together, in no order of their own; those
        of the next channel go when they are stored.

        Returns:
            The last place that those of the last channel have in its stream; 0 if there are none.

        Raises:
            InvalidMessage: A message is too large for the bus.
            DeadLetterRefusedError: Too much of what this service handles is dead; nothing was
                published.
        """
        messages = list(messages)
        self._admit(messages)
        place = 0
        for _, alike in groupby(messages, key=lambda message: message.channel):
            place = await self._publish_together(alike)
        return place

    async def publish_steps(self, steps: Steps) -> None:
        """Publish what a handler gives; it goes on after each step when that is stored.

        Raises:
            InvalidMessage: A message is too large for the bus; the handler does not go on.
            DeadLetterRefusedError: Too much is dead; the handler does not go on.
        """
        async with aclosing(steps):
            async for messages in steps:
                await self.publish_all(messages)

    async def _publish_together(self, messages: Iterable[Outgoing]) -> int:
        places = []

        async def publish(message: Outgoing) -> None:
            places.append(await self._publish(message))

        async with LimitedTaskGroup(TOGETHER) as group:
            for message in messages:
                await group.begin(publish, message)
        return max(places)

    async def publish(self, message: Outgoing) -> int:
        """Publish one message; see ``publish_all``."""
        return await self.publish_all([message])

    def _admit(self, messages: Sequence[Outgoing]) -> None:
        """Have the limit of dead letters judge what is about to be published.

        Raises:
            DeadLetterRefusedError: Too much is dead.
        """
        for collection in dict.fromkeys(message.collection for message in messages):
            of_it = [message for message in messages if message.collection == collection]
            self._admit_of(collection, of_it)

    def _admit_of(self, collection: str, messages: Sequence[Outgoing]) -> None:
        limit = self.dead_letter_limits.of(collection)
        was_halted = limit.halted is not None
        try:
            limit.admit(outcomes_of(messages))
        except DeadLetterRefusedError as error:
            if not was_halted:
                log.critical("stage.halted", collection=collection, reason=str(error))
            raise
        if was_halted and limit.halted is None:
            share = round(limit.share, 3)
            log.info("stage.resumed", collection=collection, dead_share=share)

    async def _publish(self, message: Outgoing) -> int:
        """Publish one message and return when the stream has stored it, or had it already.

        A full stream, an absent server and a lost answer are waited out: the message id makes
        the repetition harmless.

        Raises:
            InvalidMessage: The message is too large for the bus.
            Unfit: The server takes no message of the size that it must take.
        """
        if len(message.body) > MAX_MESSAGE:
            raise InvalidMessage(
                f"{message.channel.family} of {len(message.body)} bytes: "
                f"the bus takes {MAX_MESSAGE}"
            )
        origin = origin_of(message.message_id)
        part_of = origin.trace if origin else None
        span = tracing.span(f"publish {message.channel.family}", "producer", part_of=part_of)
        async with self.around(message):
            with span:
                return await self._store(message, self._headers(message, origin))

    async def _store(self, message: Outgoing, headers: dict[str, str]) -> int:
        """Have a stream store a message; once it refuses one, the others queue up behind that.

        Else a large message would be kept out of a full stream for as long as small ones come:
        what room there is would always be theirs. If only its subject is full, only those of the
        same subject do: one of another collection need not wait.
        """
        started = perf_counter()
        with WAITS.trying(f"publishing {message.channel.family}") as trial:
            if full := self._full(message):
                trial.failed(f"{full} does not take those before it now")
                stored = await self._in_turn(message, headers, trial)
            else:
                tried = await self._attempt(message, headers, trial)
                if isinstance(tried, Exception):
                    tried = await self._in_turn(message, headers, trial)
                stored = tried
        self.waiting_since_tries = 0
        published(self._service, message, perf_counter() - started)
        return stored

    async def _in_turn(self, message: Outgoing, headers: dict[str, str], trial: Trial) -> int:
        """Wait for those that were refused before, then try until the stream takes the message.

        The first of each full subject waits in the queue of its stream only while that is full.
        """
        pause_s, stream = FIRST_PAUSE_S, message.channel.stream
        async with self._queues.of(message.channel.subject(message.collection)):
            while True:
                tried: int | Exception | None = None
                if not self._queues.has(stream):
                    tried = await self._attempt(message, headers, trial)
                if tried is None or (isinstance(tried, Exception) and not is_subject_full(tried)):
                    async with self._queues.of(stream):
                        tried = await self._until_room(message, headers, trial)
                if not isinstance(tried, Exception):
                    return tried
                await asyncio.sleep(pause_s)
                # Each try carries the whole message: the more wait, the less often each tries.
                longest_s = min(LONGEST_PAUSE_S, FULL_PAUSE_S * len(self._queues))
                pause_s = min(pause_s * 2, longest_s)

    async def _until_room(
        self, message: Outgoing, headers: dict[str, str], trial: Trial
    ) -> int | Exception:
        """Try until the stream takes a message, or would, were not its subject full."""
        pause_s = FIRST_PAUSE_S
        while isinstance(tried := await self._attempt(message, headers, trial), Exception):
            if is_subject_full(tried):
                break
            await asyncio.sleep(pause_s)
            longest_s = FULL_PAUSE_S if isinstance(tried, APIError) else LONGEST_PAUSE_S
            pause_s = min(pause_s * 2, longest_s)
        return tried

    def _full(self, message: Outgoing) -> str:
        """Name the subject or the stream before which others wait already, if there are any."""
        subject, stream = message.channel.subject(message.collection), message.channel.stream
        if self._queues.has(subject):
            return f"subject {subject}"
        return f"stream {stream}" if self._queues.has(stream) else ""

    async def _attempt(
        self, message: Outgoing, headers: dict[str, str], trial: Trial
    ) -> int | Exception:
        """Return the place of a message in its stream, or why it is to be tried again."""
        try:
            stored = await self._broker.publish(
                message.body,
                message.channel.subject(message.collection),
                headers=headers,
                stream=message.channel.stream,
                timeout=ACK_TIMEOUT_S,
            )
        except BadRequestError:
            raise
        except MaxPayloadError as error:  # the server has changed since it was looked at
            raise too_small(message) from error
        except (NatsError, OSError, TimeoutError) as error:
            self._tell(message, error)
            trial.failed(_why(message, error))
            return error
        return stored.seq

    def _headers(self, message: Outgoing, origin: Origin | None = None) -> dict[str, str]:
        first = origin.first_published if origin else None
        headers = {
            MESSAGE_ID: message.message_id,
            "content-type": message.channel.content_type,
            "ce-specversion": "1.0",
            "ce-id": message.message_id,
            "ce-type": message.channel.cloud_event_type,
            "ce-source": self._source,
            "ce-subject": message.collection,
            "ce-time": (message.time or self._clock.now()).isoformat(),
            **({FIRST_PUBLISHED: first} if first else {}),
            **message.headers,
        }
        tracing.inject(headers)
        return headers

    def _tell(self, message: Outgoing, error: Exception) -> None:
        self.waiting_since_tries += 1
        family = message.channel.family
        reason = REFUSED if isinstance(error, APIError) else UNREACHABLE
        metrics.PUBLISH_RETRIES.add(stage=self._service, family=family, reason=reason)
        if self.waiting_since_tries in {1, 10} or self.waiting_since_tries % 60 == 0:
            log.warning(
                "publish.waiting",
                subject=message.channel.subject(message.collection),
                tries=self.waiting_since_tries,
                error=repr(error),
                **_remedy(error),
            )


def _why(message: Outgoing, error: Exception) -> str:
    """Say why a stream does not take a message."""
    stream = message.channel.stream
    if isinstance(error, NoStreamResponseError):
        return f"stream {stream} is missing, or the server has no room for it: {REMEDY}"
    if isinstance(error, APIError):
        return f"stream {stream} does not take it now: {error.description}"
    return f"stream {stream} does not answer: {error!r}"


def too_small(message: Outgoing) -> Unfit:
    """Say that the server takes no message of this size."""
    return Unfit(
        "the bus",
        found=f"it does not take {len(message.body)} bytes",
        needed=f"{MAX_MESSAGE} bytes and the headers",
        remedy="set max_payload: 8MB in the server's configuration",
    )


def _remedy(error: Exception) -> dict[str, str]:
    """Say what to do about a stream that nobody has declared."""
    is_missing = isinstance(error, NoStreamResponseError)
    return {"remedy": f"its stream is missing: {REMEDY}"} if is_missing else {}
