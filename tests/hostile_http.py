"""A web server on loopback that behaves as it is told, byte by byte."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Request:
    path: str
    headers: Mapping[str, str]
    number: int
    """Of the requests of this path, from 1."""


Reply = Callable[[Request, asyncio.StreamWriter], Awaitable[None]]


def head(status: int = 200, length: int | None = None, **headers: object) -> bytes:
    """Write the head of an answer; names with `_` for `-`."""
    lines = [f"HTTP/1.1 {status} X"]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def answer(body: bytes = b"", status: int = 200, **headers: Any) -> Reply:
    async def reply(_: Request, out: asyncio.StreamWriter) -> None:
        out.write(head(status, len(body), **headers) + body)

    return reply


@dataclass
class HostileServer:
    """Its replies by path; it notes what it was asked."""

    port: int = 0
    replies: dict[str, Reply] = field(default_factory=dict)
    asked: list[Request] = field(default_factory=list)
    scheme: str = "http"

    def url(self, path: str = "/data.csv", host: str = "127.0.0.1") -> str:
        return f"{self.scheme}://{host}:{self.port}{path}"

    async def serve(self, source: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            try:
                lines = (await source.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                path = lines[0].split(" ")[1]
                pairs = (line.partition(":") for line in lines[1:] if line)
                headers = {name.lower(): value.strip() for name, _, value in pairs}
                number = 1 + sum(one.path == path for one in self.asked)
                request = Request(path, headers, number)
                self.asked.append(request)
                reply = self.replies.get(path.partition("?")[0], answer(b"none", 404))
                await reply(request, out)
                await out.drain()
            finally:
                out.close()


@asynccontextmanager
async def hostile(tls: ssl.SSLContext | None = None) -> AsyncIterator[HostileServer]:
    server = HostileServer(scheme="https" if tls else "http")
    tasks = set[asyncio.Task[None]]()

    def take(source: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.ensure_future(server.serve(source, out)))

    listening = await asyncio.start_server(take, "127.0.0.1", 0, ssl=tls)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks or {asyncio.ensure_future(asyncio.sleep(0))})
