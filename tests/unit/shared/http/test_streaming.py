import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from shared.contracts.stored_events import StoredEvent
from shared.http.streaming import PieceByPiece, event_stream, write_event
from tests.waiting import PATIENCE_S


class Client:
    """Takes some messages, then stalls; leaves when told."""

    def __init__(self, takes: int = 1000) -> None:
        self.taken: list[Any] = []
        self._takes = takes
        self.leaving = asyncio.Event()

    async def send(self, message: Any) -> None:
        if len(self.taken) == self._takes:
            await asyncio.Event().wait()
        self.taken.append(message)

    async def receive(self) -> Any:
        await self.leaving.wait()
        return {"type": "http.disconnect"}


class Source:
    def __init__(self, count: int | None) -> None:
        self.count = count
        self.given = 0
        self.is_closed = False

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        try:
            while self.count is None or self.given < self.count:
                self.given += 1
                yield b"x"
                await asyncio.sleep(0)
        finally:
            self.is_closed = True


async def answer(source: Source, client: Client, timeout_s: float = PATIENCE_S) -> bool:
    is_closed = []
    stack = AsyncExitStack()
    stack.callback(is_closed.append, True)
    response = PieceByPiece(
        source.pieces(), media_type="text/plain", send_timeout_s=timeout_s, closing=stack
    )
    async with asyncio.timeout(PATIENCE_S):
        await response({"type": "http"}, client.receive, client.send)
    return bool(is_closed)


async def test_all_pieces_are_sent_and_everything_is_closed() -> None:
    source, client = Source(3), Client()

    assert await answer(source, client)

    assert [one.get("body") for one in client.taken] == [None, b"x", b"x", b"x", b""]
    assert source.is_closed


async def test_a_client_that_takes_nothing_is_dropped_and_nothing_piles_up() -> None:
    source, client = Source(None), Client(takes=3)

    assert await answer(source, client, timeout_s=0.05)

    assert (source.given, source.is_closed) == (3, True)


async def test_a_client_that_leaves_ends_the_answer() -> None:
    source, client = Source(None), Client()
    answering = asyncio.create_task(answer(source, client))
    await asyncio.sleep(0.01)
    client.leaving.set()

    assert await answering
    assert source.is_closed


async def test_a_failure_is_not_hidden() -> None:
    """A truncated map must not look like a whole one."""

    async def broken() -> AsyncGenerator[bytes, None]:
        yield b"x"
        raise RuntimeError("broken")

    client = Client()
    response = PieceByPiece(broken(), media_type="text/plain", send_timeout_s=PATIENCE_S)

    with pytest.raises(RuntimeError):
        await response({"type": "http"}, client.receive, client.send)
    assert client.taken[-1]["more_body"]


def test_an_event_of_several_lines_stays_one_event() -> None:
    told = StoredEvent(7, "a.b", "default", b'{\n"x": 1}')

    assert write_event(told) == b'id: 7\nevent: a.b\ndata: {\ndata: "x": 1}\n\n'


def test_only_what_ends_a_line_of_server_sent_events_splits_one() -> None:
    """Filenames may hold separators that Python, but no browser, takes for the end of a line."""
    body = '{"filename":"a\u2028b\u0085c"}'.encode()

    assert write_event(StoredEvent(7, "a.b", "default", body)).count(b"data: ") == 1
    assert write_event(StoredEvent(7, "a.b", "default", b"1\r2\r\n3")).count(b"data: ") == 3


async def test_a_stream_ends_after_its_time() -> None:
    async def news() -> AsyncGenerator[StoredEvent | None, None]:
        yield None
        await asyncio.Event().wait()

    pieces = [piece async for piece in event_stream(news(), 0.05)]

    assert len(pieces) == 2


async def test_silence_is_broken_by_a_sign_of_life() -> None:
    async def news() -> AsyncGenerator[StoredEvent | None, None]:
        yield None

    pieces = [piece async for piece in event_stream(news(), 60)]

    assert pieces[0].startswith(b"retry: ")
    assert pieces[1] == b": alive\n\n"
