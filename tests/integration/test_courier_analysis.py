"""What the courier makes of analysis services that misbehave, over real sockets of loopback."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import PurePosixPath
from typing import Any

import pytest

from services.courier.adapters.httpx_analyser import MOST_BYTES, HttpxAnalyser
from services.courier.ports import AwayError, BrokenError, HandedOver, RefusedError
from tests.hostile_http import HostileServer, Reply, Request, answer, head, hostile

pytestmark = pytest.mark.integration
FILE = HandedOver(blob="ab" * 32, filename="ä.XLSX", collection="default", key="job:1")
STATUS = "/analyze/status/7"


@pytest.fixture
async def server() -> AsyncIterator[HostileServer]:
    async with hostile() as one:
        yield one


def analyser(server: HostileServer, timeout_s: float = 60.0) -> HttpxAnalyser:
    return HttpxAnalyser(server.url("").rstrip("/"), PurePosixPath("/there"), timeout_s)


def told(code: int = 200, /, **fields: Any) -> Reply:
    return answer(json.dumps(fields).encode(), code)


async def drip(_: Request, out: asyncio.StreamWriter) -> None:
    out.write(head(200, 1000))
    for one in range(1000):
        out.write(b" " if one else b"{")
        await out.drain()
        await asyncio.sleep(0.05)


async def silence(_: Request, out: asyncio.StreamWriter) -> None:
    await out.drain()
    await asyncio.sleep(60)


async def endless(_: Request, out: asyncio.StreamWriter) -> None:
    out.write(head(200))
    while True:
        out.write(b" " * 65536)
        await out.drain()


async def torn(_: Request, out: asyncio.StreamWriter) -> None:
    out.write(head(200, 1000) + b'{"status"')


async def no_http(_: Request, out: asyncio.StreamWriter) -> None:
    out.write(b"SSH-2.0-OpenSSH\r\n\r\n")


LASTING = [
    (told(404), "does not know this file any more .404.: retry the job"),
    (told(400), "answered 400"),
    (told(422), "answered 422"),
    (told(501), "answered 501"),
    (answer(b"", 302, Location="http://127.0.0.1:1/"), "answered 302"),
    (answer(b"<html>log in</html>"), "it is no JSON"),
    (answer(b"[" * 100_000), "it is no JSON"),
    (answer(b"[1]"), "no object"),
    (told(status=True), "status is none of"),
    (told(status="completed", result_url="http://169.254.169.254/"), "leads away"),
    (told(status="processing", items_total=-1), "items_total"),
    (told(status="processing", items_processed="many"), "items_processed"),
    (answer(b'{"status": "processing", "items_total": 1e999}'), "items_total"),
    (answer(b'{"status": "processing"}', Content_Encoding="gzip"), "packed"),
    (endless, "larger than"),
]
PASSING = [
    (told(500), "answered 500"),
    (told(502), "answered 502"),
    (told(503), "answered 503"),
    (told(504), "answered 504"),
    (torn, "analysis service"),
    (no_http, "analysis service"),
]


@pytest.mark.parametrize(("reply", "why"), LASTING, ids=range(len(LASTING)))
async def test_what_asked_again_would_be_the_same_is_refused(
    server: HostileServer, reply: Reply, why: str
) -> None:
    server.replies[STATUS] = reply

    with pytest.raises(RefusedError, match=why):
        await analyser(server).look("7")

    assert len(server.asked) == 1


@pytest.mark.parametrize(("reply", "why"), PASSING)
async def test_what_may_be_well_later_is_broken(
    server: HostileServer, reply: Reply, why: str
) -> None:
    server.replies[STATUS] = reply

    with pytest.raises(BrokenError, match=why):
        await analyser(server).look("7")


@pytest.mark.parametrize("reply", [drip, silence])
async def test_an_answer_that_does_not_come_ends(server: HostileServer, reply: Reply) -> None:
    server.replies[STATUS] = reply

    with pytest.raises(BrokenError):
        await analyser(server, timeout_s=0.5).look("7")


async def test_nobody_there_is_told_from_broken() -> None:
    async with hostile() as server:
        gone = analyser(server)

    with pytest.raises(AwayError, match="does not let itself be connected to"):
        await gone.look("7")


async def test_a_file_is_handed_over_by_its_path_there(server: HostileServer) -> None:
    server.replies |= {"/analyze/file": told(202, job_id=7), "/health": told(status="degraded")}

    await analyser(server).check()
    assert await analyser(server).begin(FILE) == "7"

    asked = server.asked[-1]
    assert asked.headers["idempotency-key"] == "job:1"
    assert int(asked.headers["content-length"]) > 0
    server.replies["/health"] = told(status="unhealthy")
    with pytest.raises(BrokenError, match="says that it is unhealthy"):
        await analyser(server).check()


async def test_records_come_piece_by_piece_and_no_more_than_may_be(server: HostileServer) -> None:
    server.replies["/r"] = answer(b"x" * MOST_BYTES)
    url = server.url("/r")

    async with analyser(server).records(url, MOST_BYTES) as pieces:
        assert sum([len(one) async for one in pieces]) == MOST_BYTES
    with pytest.raises(RefusedError, match="larger than"):
        async with analyser(server).records(url, MOST_BYTES - 1) as pieces:
            _ = [one async for one in pieces]
    with pytest.raises(RefusedError, match="answered 404"):
        async with analyser(server).records(server.url("/none"), 9):
            pass
