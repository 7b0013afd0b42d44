"""An HTTP proxy in front of the embedding server that spoils the answers: a process of its own.

``python -m tests.chaos.proxy PORT UPSTREAM_PORT``. A ``POST /answer`` with the name of an answer
as its body says how everything is answered from then on; ``well`` passes it on as it is.
``/spoiled`` tells how many answers were spoiled since. Requests with the word POISON in them are
always refused.
"""

import asyncio
import base64
import contextlib
import json
import socket
import struct
import sys
from typing import Any

import httpx
import numpy as np

POISON = b"POISON"
WELL = "well"
SLOW_S = 1.2
RESET = struct.pack("ii", 1, 0)  # closing such a socket sends a reset


class Proxy:
    """Forwards requests, or does not."""

    def __init__(self, upstream: httpx.AsyncClient) -> None:
        self._upstream = upstream
        self._answer = WELL
        self._spoiled = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                path, body = await read_request(reader)
                if path == "/answer":
                    self._spoiled = 0
                    self._answer = body.decode()
                    write_answer(writer, 200, b"{}")
                elif path == "/spoiled":
                    write_answer(writer, 200, json.dumps(self._spoiled).encode())
                elif not await self._handle(path, body, writer):
                    break
                await writer.drain()
        writer.close()

    async def _handle(self, path: str, body: bytes, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; tell whether the connection goes on."""
        answer = self._answer
        self._spoiled += answer != WELL
        if answer in {"429", "429-retry-after", "500", "503", "400"}:
            headers = {"Retry-After": "1"} if answer.endswith("retry-after") else {}
            write_answer(writer, int(answer[:3]), b'{"error": "on purpose"}', headers)
            return True
        if answer == "reset":
            raw: socket.socket = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            writer.transport.abort()
            return False
        if answer == "silent":
            while self._answer == "silent":
                await asyncio.sleep(0.05)
            return False
        if answer == "slow":
            await asyncio.sleep(SLOW_S)
        if POISON in body:
            write_answer(writer, 500, b'{"error": "POISON"}')
            return True
        try:
            response = await self._upstream.post(
                path, content=body, headers={"content-type": "application/json"}
            )
        except httpx.TransportError:
            return False
        content = response.content
        if response.status_code == httpx.codes.OK:
            content = spoil(answer, content)
        write_answer(writer, response.status_code, content)
        return True


def spoil(answer: str, content: bytes) -> bytes:
    """Damage a good answer of OpenAI's protocol."""
    if answer == "truncated":
        return content[: len(content) // 2]
    if answer not in {"nan", "wrong-dimension"}:
        return content
    document: dict[str, Any] = json.loads(content)
    for item in document["data"]:
        vector = np.frombuffer(base64.b64decode(item["embedding"]), "<f4").copy()
        if answer == "nan":
            vector[len(vector) // 2] = np.nan
        else:
            vector = np.append(vector, np.float32(0.5))
        item["embedding"] = base64.b64encode(vector.astype("<f4").tobytes()).decode()
    return json.dumps(document).encode()


async def read_request(reader: asyncio.StreamReader) -> tuple[str, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines if ": " in line)
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return first.split(" ")[1], body


def write_answer(
    writer: asyncio.StreamWriter, status: int, body: bytes, headers: dict[str, str] | None = None
) -> None:
    lines = {"Content-Type": "application/json", "Content-Length": str(len(body))} | (
        headers or {}
    )
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    writer.write(f"HTTP/1.1 {status} Told\r\n{head}\r\n".encode() + body)


async def main(port: int, upstream: int) -> None:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{upstream}", timeout=30) as client:
        server = await asyncio.start_server(Proxy(client).serve, "127.0.0.1", port)
        async with server:
            await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
