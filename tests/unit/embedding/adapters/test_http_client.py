from collections.abc import Callable

import httpx
import pytest

from services.embedding.adapters.http_client import build_client, post
from services.embedding.ports import EmbedderUnavailable, TextsRejected

Answer = Callable[[httpx.Request], httpx.Response]


async def ask(answer: Answer) -> bytes:
    transport = httpx.MockTransport(answer)
    async with httpx.AsyncClient(transport=transport, base_url="http://server/") as client:
        return await post(client, "/v1/embeddings", {"input": ["a"]})


def status(code: int, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _request: httpx.Response(code, headers=named, text="the\nreason " + "x" * 999)


async def test_a_good_answer_is_handed_on_as_it_is() -> None:
    assert await ask(lambda _request: httpx.Response(200, content=b"\x00{")) == b"\x00{"


@pytest.mark.parametrize("code", [400, 413, 422])
async def test_some_codes_refuse_the_texts(code: int) -> None:
    with pytest.raises(TextsRejected, match=f"answered {code}: the reason") as told:
        await ask(status(code))

    assert not told.value.ambiguous
    assert len(str(told.value)) < 400


@pytest.mark.parametrize("code", [424, 500])
async def test_some_codes_may_mean_either(code: int) -> None:
    with pytest.raises(TextsRejected) as told:
        await ask(status(code))

    assert told.value.ambiguous


@pytest.mark.parametrize("code", [201, 204, 301, 307, 408, 409, 429, 502, 503, 504, 529])
async def test_all_other_codes_are_an_outage(code: int) -> None:
    with pytest.raises(EmbedderUnavailable) as told:
        await ask(status(code))

    assert told.value.retry_after_s is None


@pytest.mark.parametrize("code", [401, 402, 403, 404, 405, 501])
async def test_a_wrong_configuration_blocks_and_says_what_to_check(code: int) -> None:
    with pytest.raises(EmbedderUnavailable, match=r"check embedding\.url"):
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
    with pytest.raises(EmbedderUnavailable) as told:
        await ask(status(429, **headers))

    assert told.value.retry_after_s == seconds


@pytest.mark.parametrize(
    "error",
    [httpx.ConnectError, httpx.ReadTimeout, httpx.RemoteProtocolError, httpx.WriteError],
)
async def test_a_broken_connection_is_an_outage(error: type[httpx.TransportError]) -> None:
    def broken(_request: httpx.Request) -> httpx.Response:
        raise error("gone")

    with pytest.raises(EmbedderUnavailable, match=rf"http://server/v1.*{error.__name__}") as told:
        await ask(broken)
    assert told.value.is_slow == (error is httpx.ReadTimeout)


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
