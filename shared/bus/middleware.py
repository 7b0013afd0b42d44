"""FastStream's way in: one message, one call of a handler."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any

from faststream import BaseMiddleware
from faststream.exceptions import HandlerException, NackMessage, RejectMessage
from faststream.message import StreamMessage
from faststream.response import PublishCommand
from nats.errors import Error as NatsError

from shared.bus import observing
from shared.bus.delivery import Bury, require_survivable
from shared.bus.pulling import give_back
from shared.bus.settling import Settler, handling


class DeliveryMiddleware(BaseMiddleware[PublishCommand, Any]):
    """Keeps a message alive while it is handled and settles it when the handler fails."""

    def __init__(self, *args: Any, settler: Settler, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._settler = settler

    @classmethod
    def bound_to(cls, settler: Settler) -> Any:
        """Return the factory that FastStream calls once per message."""
        return partial(cls, settler=settler)

    async def consume_scope(
        self, call_next: Callable[[StreamMessage[Any]], Awaitable[Any]], msg: StreamMessage[Any]
    ) -> Any:
        """Run the handler with a heartbeat; turn what it raises into a verdict."""
        raw = msg.raw_message
        if not raw.reply:  # plain NATS, or the in-memory test broker: nothing to settle
            return await call_next(msg)
        settler = self._settler
        observing.received(settler.stage, [raw])
        async with handling([raw], settler.heartbeat_s), settler.in_hand.taken([raw]) as deaths:
            try:
                require_survivable(deaths, settler.policy)
                with observing.handled(settler.stage, [raw]):
                    result = await call_next(msg)
                settler.done(raw)
            except HandlerException:
                raise
            except asyncio.CancelledError:  # the service stops, and this took too long to finish
                with suppress(NatsError):
                    await give_back([raw])
                raise
            except Exception as error:  # the one place that catches everything
                verdict = await settler.settle(error, [raw])
                if isinstance(verdict, Bury):
                    raise RejectMessage from error
                raise NackMessage(delay=verdict.delay_s) from error
            else:
                return result
