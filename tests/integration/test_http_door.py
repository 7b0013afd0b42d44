"""The door of every HTTP port against clients that mean no good; real sockets, no bus."""

import asyncio
import gc
import json
import socket
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from services.gateway.entrance import require_certificate
from shared.errors import ConfigurationError
from shared.http.heads import HeadLimits
from shared.http.marks import STREAMED
from shared.http.protocol import Patience
from shared.http.server import ServerOptions, listen, serving
from tests.waiting import PATIENCE_S, until

pytestmark = pytest.mark.integration
ROOT = Path(__file__).parents[2]
GOOD = b"GET / HTTP/1.1\r\nhost: x\r\n"
CLOSING = GOOD + b"connection: close\r\n\r\n"
FLOODER, OTHER = "127.0.0.2", "127.0.0.1"


SLOW = b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n"
under_way: set[int] = set()
"""The ports of clients whose SLOW has begun."""


async def tell(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with who asked and what, as the server understood it; /slow waits to be left."""
    request = Request(scope, receive)
    if scope["path"] == "/slow":
        under_way.add(scope["client"][1])
        while not await request.is_disconnected():
            await asyncio.sleep(0.01)
        return
    if scope["path"] == "/streamed":
        scope[STREAMED] = True
    if scope["path"] == "/unwanted":
        refusal = PlainTextResponse("too large", 413, headers={"connection": "close"})
        await refusal(scope, receive, send)
        return
    body = b"" if scope["path"] == "/unread" else await request.body()
    told = [scope["client"][0], scope["scheme"], scope["method"], scope["path"], body.decode()]
    told.append(request.headers.get("host", ""))
    answer = PlainTextResponse(" ".join(told) + "y" * (20_000_000 * (scope["path"] == "/large")))
    await answer(scope, receive, send)


@asynccontextmanager
async def served(host: str = "127.0.0.1", **options: Any) -> AsyncIterator[int]:
    with listen(host, 0) as listener:
        async with serving(tell, listener, ServerOptions(**options)):
            yield listener.getsockname()[1]


Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def connect(port: int, begin: bytes = b"", source: str = OTHER, **options: Any) -> Pair:
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, local_addr=(source, 0), **options
    )
    writer.write(begin)
    return reader, writer


async def ask(port: int, request: bytes, source: str = OTHER, **options: Any) -> bytes:
    reader, writer = await connect(port, request, source, **options)
    answer = await whole(reader)
    writer.close()
    return answer


async def keep_busy(port: int, source: str = OTHER, to: str = "127.0.0.1") -> Pair:
    """Have a request worked for, until the connection is closed."""
    reader, writer = await asyncio.open_connection(
        to, port, local_addr=None if ":" in to else (source, 0)
    )
    writer.write(SLOW)
    own_port = writer.get_extra_info("sockname")[1]
    await until(lambda: own_port in under_way)
    under_way.discard(own_port)
    return reader, writer


async def whole(reader: asyncio.StreamReader) -> bytes:
    """Read until the server ends it; a reset is an end."""
    answer = b""
    async with asyncio.timeout(PATIENCE_S):
        with suppress(ConnectionError):
            while piece := await reader.read(65_536):
                answer += piece
    return answer


def status(answer: bytes) -> int:
    return int(answer[9:12])


def short(**patience: float) -> dict[str, Any]:
    return {"patience": Patience(**patience)}


async def test_a_request_whose_head_does_not_end_is_given_up() -> None:
    async with served(**short(head_s=0.2), keepalive_s=100) as port:
        assert await ask(port, b"") == b""
        assert status(await ask(port, GOOD)) == 408

        reader, writer = await connect(port, GOOD + b"\r\n")
        assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
        writer.write(GOOD)  # the second on this connection, drop by drop
        # What it has not read when it closes resets the connection.
        with suppress(ConnectionError):
            async with asyncio.timeout(PATIENCE_S):
                while not reader.at_eof():
                    writer.write(b"x")
                    await reader.read(1)
        writer.close()


@pytest.mark.parametrize("path", [b"/", b"/unread"], ids=["read", "answered-before"])
@pytest.mark.parametrize("framing", [b"content-length: 99", b"transfer-encoding: chunked"])
async def test_a_body_that_does_not_end_is_given_up(path: bytes, framing: bytes) -> None:
    """Also one that nobody waits for: its drops would keep the connection for ever."""
    begin = b"POST " + path + b" HTTP/1.1\r\nhost: x\r\n" + framing + b"\r\n\r\n1\r\nx"
    async with served(**short(body_s=0.2), keepalive_s=100) as port:
        answer = await ask(port, begin)

    assert status(answer) == (408 if path == b"/" else 200)


async def test_a_body_that_is_streamed_may_last_as_long_as_it_goes_on() -> None:
    begin = b"POST /streamed HTTP/1.1\r\nhost: x\r\ncontent-length: 99\r\n\r\n"
    async with served(**short(body_s=2.0), keepalive_s=100) as port:
        reader, writer = await connect(port, begin)
        loop = asyncio.get_running_loop()
        begun_s = loop.time()
        while loop.time() < begun_s + 3.0:  # longer than any other body may
            writer.write(b"x")
            await asyncio.sleep(0.1)
        assert not reader.at_eof()

        answer = await whole(reader)  # nothing more comes
        writer.close()

    assert status(answer) == 408


async def test_an_answer_that_nobody_takes_is_given_up() -> None:
    async with served(**short(send_s=0.2), max_connections_per_client=1) as port:
        reader, writer = await connect(port, b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n")
        await reader.readexactly(1)  # while it is answered it keeps the one seat
        answer = await until_answered(port, 200)
        writer.close()

    assert answer


async def until_answered(port: int, expected: int) -> bytes:
    async def once() -> bytes:
        answer = await ask(port, CLOSING)
        return answer if answer and status(answer) == expected else b""

    return await until(once)


async def test_half_open_connections_of_one_address_keep_nobody_out() -> None:
    """Neither another address nor the same one: what only waits makes room."""
    async with served(max_connections=40, max_connections_per_client=20) as port:
        flood = [await connect(port, GOOD, FLOODER) for _ in range(100)]
        quiet = [await connect(port, b"", FLOODER) for _ in range(100)]
        other = await ask(port, CLOSING)
        same = await ask(port, CLOSING, FLOODER)
        ended = [await whole(reader) for reader, _ in flood]
        for _, writer in (*flood, *quiet):
            writer.close()

    assert (status(other), status(same)) == (200, 200)
    assert {status(one) for one in ended if one} == {408}


async def test_who_comes_and_leaves_at_once_leaves_no_open_file() -> None:
    """More of one address come between two turns than may stay: most are never begun."""
    gc.disable()  # it would close what was forgotten, some day
    try:
        async with served(max_connections_per_client=4) as port:
            flood = [
                socket.create_connection(("127.0.0.1", port), source_address=(FLOODER, 0))
                for _ in range(60)
            ]
            assert await ask(port, CLOSING)
            streams = [await asyncio.open_connection(sock=one) for one in flood]
            await asyncio.gather(*(whole(reader) for reader, _ in streams[:-4]))
            for _, writer in streams:
                writer.close()
    finally:
        gc.enable()


async def test_a_flood_of_many_addresses_keeps_nobody_out() -> None:
    async with served(max_connections=40, max_connections_per_client=20) as port:
        flood = [await connect(port, GOOD, f"127.0.1.{1 + number % 60}") for number in range(120)]
        answer = await ask(port, CLOSING)
        for _, writer in flood:
            writer.close()

    assert status(answer) == 200


async def test_work_for_one_address_leaves_room_for_another() -> None:
    async with served(max_connections=40, max_connections_per_client=5) as port:
        busy = [await keep_busy(port, FLOODER) for _ in range(5)]
        refused = await ask(port, CLOSING, FLOODER)
        other = await ask(port, CLOSING)
        for _, writer in busy:
            writer.close()
        again = await until_answered(port, 200)

    assert status(refused) == 429
    assert b"retry-after: 1" in refused
    assert status(other) == status(again) == 200


async def test_a_house_full_of_work_says_so() -> None:
    async with served(max_connections=3) as port:
        busy = [await keep_busy(port) for _ in range(3)]
        answer = await ask(port, CLOSING)
        for _, writer in busy:
            writer.close()

    assert status(answer) == 503
    assert b"too many connections" in answer


async def test_many_come_through_a_trusted_proxy() -> None:
    options: dict[str, Any] = {"trusted_proxies": ("127.0.0.1",)}
    async with served(max_connections_per_client=2, **options) as port:
        busy = [await keep_busy(port) for _ in range(5)]
        answer = await ask(port, CLOSING)
        for _, writer in busy:
            writer.close()

    assert status(answer) == 200


async def test_an_address_of_ipv6_counts_as_its_network() -> None:
    try:
        listen("::1", 0).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    async with served("::1", max_connections_per_client=1) as port:
        _, writer = await keep_busy(port, to="::1")
        reader, again = await asyncio.open_connection("::1", port)
        again.write(CLOSING)
        answer = await whole(reader)
        for one in (writer, again):
            one.close()

    assert status(answer) == 429


SHORT_OF_FILES = """
import asyncio, resource
resource.setrlimit(resource.RLIMIT_NOFILE, (300, 300))
from pathlib import Path
from starlette.responses import PlainTextResponse
from shared.http.server import ServerOptions, listen, serving

async def tell(scope, receive, send):
    await PlainTextResponse(Path(__file__).read_text()[:1])(scope, receive, send)

async def main():
    with listen("127.0.0.1", 0) as listener:
        async with serving(tell, listener, ServerOptions(max_connections_per_client=1000)):
            print(listener.getsockname()[1], flush=True)
            await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_connections_leave_files_for_those_who_are_answered(tmp_path: Path) -> None:
    script = tmp_path / "short_of_files.py"
    script.write_text(SHORT_OF_FILES)
    server = await asyncio.create_subprocess_exec(
        sys.executable, script, env={"PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        assert server.stdout
        port = int(await server.stdout.readline())
        flood = [await connect(port, GOOD, FLOODER) for _ in range(400)]
        answer = await ask(port, CLOSING)
        for _, writer in flood:
            writer.close()
    finally:
        server.terminate()
        await server.wait()

    assert status(answer) == 200


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (GOOD + b"host: y\r\n\r\n", 400),
        (GOOD + b"content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (GOOD + b"a: b\r\n c\r\n\r\n", 400),
        (GOOD.replace(b"\r", b"") + b"\n", 400),
        (GOOD + b"a: \0\r\n\r\n", 400),
        (GOOD + b"a: " + b"b" * 20_000 + b"\r\n\r\n", 431),
        (GOOD + b"a: b\r\n" * 200 + b"\r\n", 431),
        (b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n", 414),
        (b"GET / HTTP/2.0\r\nhost: x\r\n\r\n", 505),
        (b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", 400),
    ],
)
async def test_what_is_no_request_is_refused_and_closed(request_: bytes, expected: int) -> None:
    """What follows on the connection is never read as a second request."""
    refusals: list[int] = []
    async with served(on_refusal=refusals.append) as port:
        answer = await ask(port, request_ + CLOSING * 3)
    head, _, body = answer.partition(b"\r\n\r\n")

    assert status(answer) == expected
    assert answer.count(b"content-length: ") == 1
    assert b"content-type: application/problem+json" in head
    assert b"connection: close" in head
    assert json.loads(body)["status"] == expected
    assert refusals == [expected]


async def test_a_head_is_bounded_however_it_comes() -> None:
    async with served(heads=HeadLimits(max_bytes=2048)) as port:
        whole_head = await ask(port, GOOD + b"x: " + b"a" * 2048 + b"\r\n\r\n")
        endless = await ask(port, GOOD + b"x: " + b"a" * 5000)

    assert status(whole_head) == status(endless) == 431


async def test_who_sends_a_body_that_is_not_wanted_can_read_why() -> None:
    """To close at once would reset the connection, and the answer with it."""
    head = b"POST /unwanted HTTP/1.1\r\nhost: x\r\ncontent-length: 5000000\r\n\r\n"
    async with served() as port:
        reader, writer = await connect(port, head)
        async with asyncio.timeout(PATIENCE_S):
            for _ in range(50):
                writer.write(b"x" * 100_000)
                await writer.drain()
        answer = await whole(reader)
        writer.close()

    assert status(answer) == 413
    assert answer.endswith(b"too large")


async def test_requests_are_answered_in_the_order_they_came_in() -> None:
    async with served() as port:
        requests = b"".join(GOOD.replace(b"/ ", b"/%d " % n) + b"\r\n" for n in range(20))
        answer = await ask(port, requests + CLOSING)

    paths = [part.split(b" ")[3] for part in answer.split(b"\r\n\r\n")[1:]]
    assert paths == [*(b"/%d" % number for number in range(20)), b"/"]


async def test_a_connection_has_so_many_requests_and_no_more() -> None:
    async with served(max_requests=3) as port:
        answer = await ask(port, (GOOD + b"\r\n") * 5)

    assert answer.count(b"200 OK") == 3
    assert answer.count(b"connection: close") == 1


async def test_after_chunks_nothing_is_read() -> None:
    """Two servers that end a body at another byte could see another request in the rest."""
    chunks = (
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"
    )
    async with served() as port:
        answer = await ask(port, chunks + GOOD + b"\r\n")

    assert answer.count(b"200 OK") == 1
    assert b" / ab x" in answer


async def test_who_expects_a_hundred_gets_one_where_the_body_is_wanted() -> None:
    head = b"POST %s HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\nexpect: 100-continue\r\n\r\n"
    async with served() as port:
        reader, writer = await connect(port, head % b"/")
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"ab")
        assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
        writer.close()
        reader, writer = await connect(port, head % b"/unread")
        assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
        writer.close()


async def test_a_whole_url_as_target_counts_before_the_host() -> None:
    async with served() as port:
        target = b"GET http://map.example:80/a/b?c HTTP/1.1\r\nhost: other\r\n"
        answer = await ask(port, target + b"connection: close\r\n\r\n")

    assert answer.endswith(b"GET /a/b  map.example:80")


async def test_an_empty_line_before_a_request_is_overlooked() -> None:
    async with served() as port:
        assert status(await ask(port, b"\r\n" + CLOSING)) == 200


@pytest.mark.parametrize(
    ("proxies", "told"), [((), b"127.0.0.1 http "), (("127.0.0.1",), b"10.9.8.7 https ")]
)
async def test_only_a_trusted_proxy_says_who_its_client_is(
    proxies: tuple[str, ...], told: bytes
) -> None:
    """Else whoever asks too often would be somebody else each time."""
    forged = b"x-forwarded-for: 10.9.8.7\r\nx-forwarded-proto: https\r\nconnection: close\r\n\r\n"
    async with served(trusted_proxies=proxies) as port:
        answer = await ask(port, GOOD + forged)

    assert told in answer


@pytest.fixture
async def certificate(tmp_path: Path) -> tuple[Path, Path]:
    files = tmp_path / "cert.pem", tmp_path / "key.pem"
    process = await asyncio.create_subprocess_exec(
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
        "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
        "subjectAltName=DNS:localhost", "-out", str(files[0]), "-keyout", str(files[1]),
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    assert await process.wait() == 0
    return files


async def test_it_speaks_tls(certificate: tuple[Path, Path]) -> None:
    require_certificate(*certificate)
    context = ssl.create_default_context(cafile=str(certificate[0]))
    async with served(tls=certificate) as port:
        answer = await ask(port, CLOSING, ssl=context, server_hostname="localhost")
        plain = await ask(port, CLOSING)

    assert b"127.0.0.1 https GET" in answer
    assert b"200" not in plain


async def test_handshakes_that_do_not_end_keep_nobody_out(certificate: tuple[Path, Path]) -> None:
    """A server that counts connections after their handshake has no limit for these."""
    context = ssl.create_default_context(cafile=str(certificate[0]))
    options: dict[str, Any] = {"max_connections": 8, "max_connections_per_client": 4}
    async with served(tls=certificate, **options) as port:
        flood = [await connect(port, b"", FLOODER) for _ in range(20)]
        gone = [await whole(reader) for reader, _ in flood[:16]]
        answer = await ask(port, CLOSING, ssl=context, server_hostname="localhost")
        for _, writer in flood:
            writer.close()

    assert gone == [b""] * 16
    assert status(answer) == 200


async def test_a_handshake_ends_in_time(certificate: tuple[Path, Path]) -> None:
    async with served(tls=certificate, **short(head_s=0.2)) as port:
        assert await ask(port, b"") == b""


async def test_a_certificate_that_cannot_be_used_is_named(
    certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    cert, key = certificate
    (tmp_path / "no.pem").write_text("nothing")
    for files in ((tmp_path / "gone.pem", key), (cert, tmp_path / "no.pem"), (key, cert)):
        with pytest.raises(ConfigurationError, match=r"gateway\.tls_certificate"):
            require_certificate(*files)
