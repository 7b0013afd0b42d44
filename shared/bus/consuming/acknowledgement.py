"""FastStream's middleware that settles: publishes what a handler returns, and then acks.

What is raised becomes a verdict: messages are delivered again later, or are dead letters. When
they fail together in a way that is no outage, or a process ended with one of them in hand, they
are handled one by one: what is wrong with one is not to be the others' fate.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator
from copy import copy
from typing import Any

import structlog
from faststream import BaseMiddleware, ContextRepo
from faststream.message import StreamMessage
from nats.aio.msg import Msg

from shared.bus import message_metrics
from shared.bus.consuming.delivery import MoveToDeadLetters, Retry, require_survivable
from shared.bus.consuming.settling import Settler, handling
from shared.bus.messages.outgoing import Outgoing, Steps
from shared.bus.messages.received import Delivery, delivery_of
from shared.bus.publishing.dead_letter_limit import DeadLetterRefusedError
from shared.errors import ConfigurationError, InvalidMessage, OwnedElsewhere, TransientError
from shared.failpoints import Failpoint, reached

Handle = Callable[[StreamMessage[list[Msg]]], Awaitable[Iterable[Outgoing] | Steps]]
ABOUT_SOME = (DeadLetterRefusedError, OwnedElsewhere)
"""Errors with which only some of the messages that were handled together have to do."""
AGAIN = "again"
"""Noted with messages that were handled together: some may have had their effect."""
log = structlog.get_logger(__name__)


class AcknowledgementMiddleware(BaseMiddleware[Any, Any]):
    """Around the handling of messages that were taken together from a durable consumer."""

    def __init__(self, msg: list[Msg], /, *, context: ContextRepo, settler: Settler) -> None:
        super().__init__(msg, context=context)
        self._settler = settler

    async def on_receive(self) -> None:
        """Count what the bus handed over."""
        message_metrics.received(self._settler.stage, self.msg)

    async def consume_scope(self, call_next: Handle, msg: StreamMessage[list[Msg]]) -> None:
        """Have messages handled, and settle every one of them.

        Raises:
            ConfigurationError: The process cannot work here; nothing was settled.
        """
        raws = msg.raw_message
        async with handling(raws, self._settler.heartbeat_s):
            guard = self._settler.poison_guard
            is_suspect = len(raws) > 1 and await guard.deaths(raws) is not None
            if is_suspect or not await self._tried(call_next, msg):
                for raw in _unsettled(raws):
                    await self.consume_scope(call_next, _alone(msg, raw))

    async def _tried(self, call_next: Handle, msg: StreamMessage[list[Msg]]) -> bool:
        """Handle messages together; tell whether they are settled, else each is to be tried."""
        raws, settler = msg.raw_message, self._settler
        async with settler.poison_guard.taken(raws) as deaths:
            try:
                require_survivable(deaths, settler.policy)
                with message_metrics.handled(settler.stage, raws):
                    await self._handled(call_next, msg)
            except ConfigurationError:  # no message's fault: the process cannot work here
                raise
            except Exception as error:  # noqa: BLE001  the one place that catches everything
                # What is about some of them only is not to keep the others here.
                is_shared = not isinstance(error, TransientError)
                if len(raws) > 1 and (is_shared or isinstance(error, ABOUT_SOME)):
                    is_wrong = not isinstance(error, OwnedElsewhere)
                    tell = log.warning if is_wrong else log.debug
                    tell("micro_batch.divided", messages=len(raws), error=repr(error))
                    msg.path = {**msg.path, AGAIN: True}
                    return False
                left = [*_unsettled(raws)]  # those that could not be read are dead letters already
                await _carry_out(await settler.settle(error, left), left)
        return True

    async def _handled(self, call_next: Handle, msg: StreamMessage[list[Msg]]) -> None:
        if await msg.decode():
            given = await call_next(msg)
            if isinstance(given, AsyncGenerator):
                await self._settler.publisher.publish_steps(given)
            else:
                await self._settler.publisher.publish_all(given)
            reached(Failpoint.PUBLISHED)
        for raw in _unsettled(msg.raw_message):
            await raw.ack()
            self._settler.done(raw)


async def decode_or_dead_letter(
    msg: StreamMessage[list[Msg]], decode: Callable[[Delivery], Any], settler: Settler
) -> list[Any]:
    """Decode messages; one that cannot be read is dead-lettered alone, the others are returned."""
    decoded = []
    for raw in msg.raw_message:
        try:
            decoded.append(decode(delivery_of(raw, is_again=AGAIN in msg.path)))
        except InvalidMessage as error:
            message_metrics.failed(settler.stage, raw, error)
            await settler.dead_letter(raw, str(error), error)
            await raw.term()
    return decoded


def _unsettled(raws: Iterable[Msg]) -> Iterator[Msg]:
    return (raw for raw in raws if not raw.is_acked)


def _alone(msg: StreamMessage[list[Msg]], raw: Msg) -> StreamMessage[list[Msg]]:
    """Return one of the messages as if it had come alone; it is decoded anew."""
    part = copy(msg)
    part.raw_message = [raw]
    return part


async def _carry_out(verdict: Retry | MoveToDeadLetters, raws: Iterable[Msg]) -> None:
    for raw in _unsettled(raws):
        if isinstance(verdict, MoveToDeadLetters):
            await raw.term()
        else:
            await raw.nak(delay=verdict.delay_s)
