"""Answers that are sent piece by piece, to clients that may stall or leave."""

import asyncio
import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, aclosing, suppress

import structlog
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from shared.contracts.stored_events import StoredEvent

ALIVE = b": alive\n\n"
LINE_END = re.compile("\r\n|\n|\r")
log = structlog.get_logger(__name__)


class PieceByPiece(Response):
    """Sends what a generator yields; ends when the client leaves or takes nothing for long.

    The next piece is asked for when the one before is sent, so nothing piles up here.
    """

    def __init__(
        self,
        pieces: AsyncGenerator[bytes, None],
        *,
        media_type: str,
        send_timeout_s: float,
        headers: Mapping[str, str] | None = None,
        closing: AsyncExitStack | None = None,
    ) -> None:
        self._pieces = pieces
        self._send_timeout_s = send_timeout_s
        self._closing = closing or AsyncExitStack()
        self.status_code = 200
        self.media_type = media_type
        self.background = None
        self.init_headers(headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send all of it."""
        del scope
        async with self._closing:
            sending = asyncio.ensure_future(self._send(send))
            leaving = asyncio.ensure_future(_left(receive))
            try:
                await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                leaving.cancel()
                if not sending.done():
                    sending.cancel()
                with suppress(asyncio.CancelledError):
                    await self._dropping(sending)

    async def _dropping(self, sending: asyncio.Future[None]) -> None:
        try:
            await sending
        except TimeoutError:
            log.warning("client.dropped", stalled_s=self._send_timeout_s)

    async def _send(self, send: Send) -> None:
        start = {
            "type": "http.response.start",
            "status": self.status_code,
            "headers": self.raw_headers,
        }
        await send(start)
        async with aclosing(self._pieces) as pieces:
            async for piece in pieces:
                async with asyncio.timeout(self._send_timeout_s):
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def event_stream(
    news: AsyncGenerator[StoredEvent | None, None], most_s: float
) -> AsyncGenerator[bytes, None]:
    """Write events as server-sent events, and a comment as a sign of life.

    It ends after ``most_s``: clients come back by themselves and show their token again.
    """
    yield b"retry: 2000\n: connected\n\n"
    end_s = asyncio.get_running_loop().time() + most_s
    async with aclosing(news) as told:
        while True:
            try:
                async with asyncio.timeout_at(end_s):
                    one = await anext(told)
            except (StopAsyncIteration, TimeoutError):
                return
            yield ALIVE if one is None else write_event(one)


def write_event(told: StoredEvent) -> bytes:
    """Write one server-sent event."""
    # Not splitlines(): a line of these ends in no other way, and JSON may hold U+2028 as it is.
    lines = LINE_END.split(told.body.decode("utf-8", "replace"))
    data = "".join(f"data: {line}\n" for line in lines)
    return f"id: {told.sequence}\nevent: {told.family}\n{data}\n".encode()


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
