"""An embedding server whose vectors anybody can compute again: a process of its own.

``python -m tests.chaos.vectors PORT``. A text's vector is drawn from a hash of the text and of the
*space* that the server is in. ``POST /space`` sets the space, ``POST /away`` with a number of
seconds answers 503 for so long, ``POST /asked`` with a source's name tells whether a text of it
was asked for. A text with the word SLOWLY delays its request, so that its source stays unsettled
for a while; one with the word POISON is refused. One with the word MARKED-n has a length in a
direction in which all others have none, so that a model tells whether it knows it.
"""

import asyncio
import base64
import contextlib
import hashlib
import json
import re
import sys
import time

import numpy as np

from tests.chaos.proxy import POISON, read_request, write_answer

PLAIN = 16
MARKS = 8
DIMENSION = PLAIN + MARKS
MARK = re.compile(rf"MARKED-([0-{MARKS - 1}])")
SLOWLY = b"SLOWLY"
SLOW_S = 0.7
MARKED_S = 2.5
"""A marked text, which is to be forgotten while it is embedded, takes longer."""
NAME = re.compile(r"of (\S+): ")
SPREAD = np.geomspace(4.0, 0.25, PLAIN)
"""Standard deviations of the plain coordinates: all differ, so there is one best plane."""


def vector(text: str, space: int) -> np.ndarray:
    """Return the vector (DIMENSION,) float32 of a text; its length is about five, never one."""
    digest = hashlib.sha256(f"{space}:{text}".encode()).digest()
    dice = np.random.default_rng(np.frombuffer(digest, dtype="<u8"))
    drawn = np.zeros(DIMENSION)
    drawn[:PLAIN] = SPREAD * dice.standard_normal(PLAIN)
    if mark := MARK.search(text):
        drawn[PLAIN + int(mark[1])] = 6 * dice.standard_normal()
    return drawn.astype(np.float32)


class Server:
    """Answers ``POST /v1/embeddings``."""

    def __init__(self) -> None:
        self._space = 0
        self._away_until = 0.0
        self._asked = set[str]()
        """The sources of which a text was asked for."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                path, body = await read_request(reader)
                await self._answer(path, body, writer)
                await writer.drain()
        writer.close()

    async def _answer(self, path: str, body: bytes, writer: asyncio.StreamWriter) -> None:
        if path == "/space":
            self._space = int(body)
        elif path == "/away":
            self._away_until = time.monotonic() + float(body)
        elif path == "/asked":
            write_answer(writer, 200, json.dumps(body.decode() in self._asked).encode())
            return
        elif time.monotonic() < self._away_until:
            write_answer(writer, 503, b'{"error": "away on purpose"}')
            return
        elif POISON in body:
            write_answer(writer, 400, b'{"error": "POISON"}')
            return
        else:
            self._asked.update(NAME.findall(body.decode()))
            if SLOWLY in body:
                await asyncio.sleep(MARKED_S if b"MARKED" in body else SLOW_S)
            write_answer(writer, 200, answer(json.loads(body), self._space))
            return
        write_answer(writer, 200, b"{}")


def answer(asked: dict[str, object], space: int) -> bytes:
    """Write the answer to a request, floats as base64 if that was asked for."""
    texts = asked["input"]
    assert isinstance(texts, list)
    data = []
    for index, text in enumerate(texts):
        value = vector(text, space)
        is_packed = asked.get("encoding_format") == "base64"
        written = base64.b64encode(value.tobytes()).decode() if is_packed else value.tolist()
        data.append({"object": "embedding", "index": index, "embedding": written})
    return json.dumps({"object": "list", "data": data, "model": "hash"}).encode()


async def main(port: int) -> None:
    async with await asyncio.start_server(Server().serve, "127.0.0.1", port) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
