"""The gateway's HTTP server against clients that mean no good; real sockets, no bus."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from services.gateway.adapters.uvicorn_server import (
    ServerOptions,
    check_certificate,
    listening,
    serving,
)
from shared.errors import ConfigurationError
from tests.waiting import PATIENCE_S

pytestmark = pytest.mark.integration
GOOD = b"GET / HTTP/1.1\r\nhost: x\r\n"


async def tell_client(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with who asked, as the server understood it."""
    await PlainTextResponse(f"{scope['client'][0]} {scope['scheme']}")(scope, receive, send)


@asynccontextmanager
async def served(**options: Any) -> AsyncIterator[int]:
    with listening("127.0.0.1", 0) as listener:
        async with serving(tell_client, listener, ServerOptions(**options)):
            yield listener.getsockname()[1]


async def ask(port: int, request: bytes, **options: Any) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, **options)
    writer.write(request)
    async with asyncio.timeout(PATIENCE_S):
        answer = await reader.read()
    writer.close()
    return answer


CLOSING = GOOD + b"connection: close\r\n\r\n"


async def test_a_request_whose_head_does_not_end_is_given_up() -> None:
    """A few hundred such clients would hold every connection."""
    async with served(head_timeout_s=0.2, keepalive_s=100) as port:
        assert await ask(port, b"") == b""
        assert await ask(port, GOOD) == b""

        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GOOD + b"\r\n")
        assert b"200 OK" in await reader.readuntil(b"\r\n\r\n")
        writer.write(GOOD)  # the second on this connection, drop by drop
        # What it has not read when it closes resets the connection.
        with suppress(ConnectionError):
            async with asyncio.timeout(PATIENCE_S):
                while not reader.at_eof():
                    writer.write(b"x")
                    await reader.read(1)
        writer.close()


async def test_a_head_without_end_is_refused() -> None:
    async with served(max_header_bytes=2048) as port:
        answer = await ask(port, GOOD + b"x: " + b"a" * 5000)

    assert answer.startswith(b"HTTP/1.1 400")


async def test_connections_beyond_the_limit_are_refused() -> None:
    async with served(max_connections=3) as port:
        idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        answer = await ask(port, CLOSING)
        for _, writer in idle:
            writer.close()

    assert answer.startswith(b"HTTP/1.1 503")


@pytest.mark.parametrize(
    ("proxies", "told"), [((), b"127.0.0.1 http"), (("127.0.0.1",), b"10.9.8.7 https")]
)
async def test_only_a_trusted_proxy_says_who_its_client_is(
    proxies: tuple[str, ...], told: bytes
) -> None:
    """Else whoever asks too often would be somebody else each time."""
    forged = b"x-forwarded-for: 10.9.8.7\r\nx-forwarded-proto: https\r\nconnection: close\r\n\r\n"
    async with served(trusted_proxies=proxies) as port:
        answer = await ask(port, GOOD + forged)

    assert answer.endswith(told)


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
    check_certificate(*certificate)
    context = ssl.create_default_context(cafile=str(certificate[0]))
    async with served(tls=certificate) as port:
        answer = await ask(port, CLOSING, ssl=context, server_hostname="localhost")
        plain = await ask(port, CLOSING)

    assert answer.endswith(b"127.0.0.1 https")
    assert b"200" not in plain


async def test_a_certificate_that_cannot_be_used_is_named(
    certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    cert, key = certificate
    (tmp_path / "no.pem").write_text("nothing")
    for files in ((tmp_path / "gone.pem", key), (cert, tmp_path / "no.pem"), (key, cert)):
        with pytest.raises(ConfigurationError, match=r"gateway\.tls_certificate"):
            check_certificate(*files)
