import asyncio
import gzip
from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from services.embedding.adapters.http_client import build_client, post
from services.embedding.ports import EmbedderUnavailableError, TextsRejectedError
from shared.redaction import register
from shared.waits import WAITS, begin_work

KEY = "planted-in-the-redirect-4711"
Answer = Callable[[httpx.Request], httpx.Response]


def streaming(answer: Answer) -> httpx.MockTransport:
    """A transport whose answers were not read yet, as those of the network."""

    def streamed(request: httpx.Request) -> httpx.Response:
        made = answer(request)
        return httpx.Response(made.status_code, headers=made.headers, stream=made.stream)

    return httpx.MockTransport(streamed)


async def ask(answer: Answer, limit: int = 1 << 20) -> bytes:
    transport = streaming(answer)
    async with httpx.AsyncClient(transport=transport, base_url="http://server/") as client:
        found = await post(client, "/v1/embeddings", {"input": ["a"]}, limit)
        return bytes(found.content)


def status(code: int, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _request: httpx.Response(code, headers=named, text="the\nreason " + "x" * 999)


async def test_while_no_answer_has_come_it_is_the_server_that_works() -> None:
    """A process that is killed meanwhile was not ended by the texts."""
    work = begin_work()
    seen = []

    def answer(_: httpx.Request) -> httpx.Response:
        seen.append(work.is_waiting)
        return httpx.Response(200, content=b"{")

    with WAITS.trying("the embedding server"):
        seen.append(work.is_waiting)
        await ask(answer)
        seen.append(work.is_waiting)

    assert seen == [False, True, False]


@pytest.mark.parametrize("code", [200, 201])
async def test_a_good_answer_is_handed_on_as_it_is(code: int) -> None:
    assert await ask(lambda _request: httpx.Response(code, content=b"\x00{")) == b"\x00{"


async def test_a_redirect_that_repeats_the_key_is_told_without_it() -> None:
    register(KEY)
    with pytest.raises(EmbedderUnavailableError, match="sends to") as told:
        await ask(status(307, location=f"https://elsewhere/{KEY}/v1/embeddings"))

    assert KEY not in str(told.value)


@pytest.mark.parametrize("code", [400, 413, 422])
async def test_some_codes_refuse_the_texts(code: int) -> None:
    with pytest.raises(TextsRejectedError, match=f"answered {code}: the reason") as told:
        await ask(status(code))

    assert not told.value.ambiguous
    assert len(str(told.value)) < 400


@pytest.mark.parametrize("code", [424, 500])
async def test_some_codes_may_mean_either(code: int) -> None:
    with pytest.raises(TextsRejectedError) as told:
        await ask(status(code))

    assert told.value.ambiguous


@pytest.mark.parametrize("code", [204, 206, 301, 307, 408, 409, 429, 502, 503, 504, 529])
async def test_all_other_codes_are_an_outage(code: int) -> None:
    with pytest.raises(EmbedderUnavailableError) as told:
        await ask(status(code))

    assert told.value.retry_after_s is None


@pytest.mark.parametrize("code", [401, 402, 403, 404, 405, 501])
async def test_a_wrong_configuration_blocks_and_says_what_to_check(code: int) -> None:
    with pytest.raises(EmbedderUnavailableError, match=r"embedding\.(url|api_key)"):
        await ask(status(code))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after": "7"}, 7.0),
        ({"retry_after": "0.5"}, 0.5),
        ({"retry_after_ms": "250", "retry_after": "7"}, 0.25),
        ({"retry_after_ms": "soon", "retry_after": "7"}, 7.0),
        ({"retry_after": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
        ({"retry_after": "-1"}, None),
        ({"retry_after": "nan"}, None),
        ({"retry_after": "inf"}, None),
        ({}, None),
    ],
)
async def test_retry_after_is_read(headers: dict[str, str], seconds: float | None) -> None:
    with pytest.raises(EmbedderUnavailableError) as told:
        await ask(status(429, **headers))

    assert told.value.retry_after_s == seconds


@pytest.mark.parametrize(
    "error",
    [httpx.ConnectError, httpx.ReadTimeout, httpx.RemoteProtocolError, httpx.WriteError],
)
async def test_a_broken_connection_is_an_outage(error: type[httpx.TransportError]) -> None:
    def broken(_request: httpx.Request) -> httpx.Response:
        raise error("gone")

    with pytest.raises(
        EmbedderUnavailableError, match=rf"http://server/v1.*{error.__name__}"
    ) as told:
        await ask(broken)
    assert told.value.is_slow == (error is httpx.ReadTimeout)


class Endless(httpx.AsyncByteStream):
    """An answer that never ends."""

    def __init__(self, piece: bytes, pause_s: float) -> None:
        self._piece = piece
        self._pause_s = pause_s

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            yield self._piece
            await asyncio.sleep(self._pause_s)


@pytest.mark.parametrize("code", [200, 503])
async def test_an_answer_without_end_is_an_outage(code: int) -> None:
    endless = httpx.Response(code, stream=Endless(b"x" * 65536, 0))

    with pytest.raises(EmbedderUnavailableError) as told:
        await ask(lambda _request: endless)

    assert len(str(told.value)) < 400


async def test_an_answer_that_swells_when_it_is_unpacked_is_an_outage() -> None:
    bomb = gzip.compress(bytes(8 << 20))
    packed = {"content-encoding": "gzip"}

    with pytest.raises(EmbedderUnavailableError, match="more than"):
        await ask(lambda _request: httpx.Response(200, headers=packed, content=bomb))


async def test_an_answer_drop_by_drop_is_slow() -> None:
    """httpx is content as long as something comes now and then."""
    dripping = httpx.MockTransport(lambda _: httpx.Response(200, stream=Endless(b"x", 0.01)))
    async with httpx.AsyncClient(
        transport=dripping, base_url="http://server/", timeout=0.1
    ) as client:
        with pytest.raises(EmbedderUnavailableError) as told:
            await post(client, "/v1/embeddings", {}, 99)

    assert told.value.is_slow


async def test_a_password_in_the_url_is_not_told() -> None:
    async with httpx.AsyncClient(
        transport=streaming(status(401)),
        base_url="http://user:hidden@server/",  # pragma: allowlist secret
    ) as client:
        with pytest.raises(EmbedderUnavailableError, match="http://server/v1") as told:
            await post(client, "/v1/embeddings", {}, 99)

    assert "hidden" not in str(told.value)


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("http://server", "http://server/v1/embeddings"),
        ("http://server/", "http://server/v1/embeddings"),
        ("http://server/api", "http://server/api/v1/embeddings"),
    ],
)
async def test_the_path_goes_below_the_root(url: str, asked: str) -> None:
    async with build_client(url, api_key="k", timeout_s=1) as client:
        request = client.build_request("POST", "/v1/embeddings")

    assert str(request.url) == asked
    assert request.headers["authorization"] == "Bearer k"


async def test_after_the_end_of_the_service_no_text_is_to_blame() -> None:
    """What waited through an outage may try once more when the client is closed already."""
    client = build_client("http://127.0.0.1:9", api_key=None, timeout_s=1)
    await client.aclose()

    with pytest.raises(EmbedderUnavailableError, match="stopping"):
        await post(client, "/v1/embeddings", {"input": ["a"]}, 99)
