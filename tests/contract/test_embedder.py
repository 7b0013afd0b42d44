"""What every embedder promises, held against the fake and both protocols over real HTTP."""

import asyncio
import gzip
import json
import socket
import sys
import traceback
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass

import httpx
import numpy as np
import pytest
from starlette.responses import Response

from services.embedding.adapters.http_client import Answer, build_client
from services.embedding.adapters.openai_embedder import OpenaiEmbedder
from services.embedding.adapters.vectors_embedder import VectorsEmbedder
from services.embedding.ports import Embedder, EmbedderUnavailableError, TextsRejectedError
from tests.fakes.embedder import FakeEmbedder
from tests.fakes.embedding_server import EmbeddingServer
from tests.waiting import PATIENCE_S

ODD = [
    "hello",
    "日本語 🙂",
    "\u2028 \x7f",
    'a "quoted" \\ text',
    "two\nlines\r\n",
    " ",
    "x" * 20_000,
]


@dataclass
class Pair:
    """An embedder and the mind behind it."""

    embedder: Embedder
    mind: FakeEmbedder


@pytest.fixture(
    params=["fake", "openai", "openai floats", "openai asked plainly", "vectors", "vectors pretty"]
)
async def pair(request: pytest.FixtureRequest) -> AsyncIterator[Pair]:
    mind = FakeEmbedder(dimension=5, max_texts=16)
    if request.param == "fake":
        yield Pair(mind, mind)
        return
    server = EmbeddingServer(
        mind,
        knows_base64="floats" not in request.param,
        pretty="pretty" in request.param,
        refuses_format=400 if "plainly" in request.param else None,
    )
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(server.running())
        client = build_client(url, api_key=None, timeout_s=PATIENCE_S)
        await stack.enter_async_context(client)
        if request.param.startswith("openai"):
            yield Pair(OpenaiEmbedder(client, model="fake-1", max_texts=16), mind)
        else:
            yield Pair(VectorsEmbedder(client, model="fake-1"), mind)


async def test_vectors_come_in_the_order_of_the_texts_bit_by_bit(pair: Pair) -> None:
    step = min(pair.embedder.max_texts, len(ODD))
    found = [await pair.embedder.embed(ODD[i : i + step]) for i in range(0, len(ODD), step)]

    expected = np.stack([pair.mind.vector(text) for text in ODD])
    assert np.array_equal(np.vstack(found), expected)
    assert all(part.dtype == np.float32 for part in found)


async def test_it_knows_its_model_and_its_limit(pair: Pair) -> None:
    assert pair.embedder.model == "fake-1"
    assert pair.embedder.max_texts >= 1


async def test_an_outage_is_nobodys_fault_and_passes(pair: Pair) -> None:
    pair.mind.outages, pair.mind.retry_after_s = 1, 2.5

    with pytest.raises(EmbedderUnavailableError) as told:
        await pair.embedder.embed(["a"])

    assert told.value.retry_after_s == 2.5
    assert (await pair.embedder.embed(["a"])).shape == (1, 5)


async def test_a_text_can_be_refused(pair: Pair) -> None:
    pair.mind.poison.add("bad")

    with pytest.raises(TextsRejectedError, match="400: a bad text") as told:
        await pair.embedder.embed(["bad"])

    assert not told.value.ambiguous


async def test_a_failure_may_be_anybodys_fault(pair: Pair) -> None:
    pair.mind.ambiguous = 1

    with pytest.raises(TextsRejectedError) as told:
        await pair.embedder.embed(["a"])

    assert told.value.ambiguous


async def test_a_vector_may_hold_nan_or_be_refused_for_it(pair: Pair) -> None:
    """JSON has no NaN: a server sends it in base64, or against the rules, or not at all."""
    pair.mind.nan.add("odd")

    try:
        vectors = await pair.embedder.embed(["odd"])
    except TextsRejectedError:
        return

    assert np.isnan(vectors).all()


# --- over HTTP alone


@pytest.fixture
async def server() -> EmbeddingServer:
    return EmbeddingServer(FakeEmbedder())


async def test_openai_is_asked_by_name_for_base64_and_with_the_key(
    server: EmbeddingServer,
) -> None:
    async with (
        server.running() as url,
        # pragma: allowlist nextline secret
        build_client(url, api_key="s3", timeout_s=PATIENCE_S) as client,
    ):
        await OpenaiEmbedder(client, model="m", max_texts=2).embed(["a", "b"])

    assert server.bodies == [{"model": "m", "input": ["a", "b"], "encoding_format": "base64"}]
    assert server.headers[0]["authorization"] == "Bearer s3"
    assert server.headers[0]["content-type"] == "application/json"


async def test_vectors_is_asked_for_one_text(server: EmbeddingServer) -> None:
    async with (
        server.running() as url,
        build_client(url, api_key=None, timeout_s=PATIENCE_S) as client,
    ):
        await VectorsEmbedder(client, model="m").embed(["a"])

    assert server.bodies == [{"text": "a"}]
    assert "authorization" not in server.headers[0]


async def test_a_root_with_a_path_keeps_it(server: EmbeddingServer) -> None:
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(server.running())
        client = build_client(f"{url}/behind/", api_key=None, timeout_s=PATIENCE_S)
        await stack.enter_async_context(client)
        with pytest.raises(EmbedderUnavailableError, match=r"/behind/vectors answered 404"):
            await VectorsEmbedder(client, model="m").embed(["a"])


async def test_a_closed_port_is_an_outage_that_names_the_address() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening: refuses
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        async with build_client(url, api_key=None, timeout_s=PATIENCE_S) as client:
            with pytest.raises(EmbedderUnavailableError, match=url):
                await OpenaiEmbedder(client, model="m", max_texts=1).embed(["a"])


@pytest.mark.parametrize(
    "answer",
    [
        Response(b'{"data": [', media_type="application/json"),
        Response(b"", media_type="application/json"),
        Response(b"<html>ok</html>"),
        Response(b'{"error": "nothing loaded"}'),
    ],
    ids=["cut off", "empty", "a page", "an error in disguise"],
)
async def test_an_answer_that_cannot_be_read_may_be_anybodys_fault(
    server: EmbeddingServer, answer: Response
) -> None:
    server.script = [answer, answer]
    async with (
        server.running() as url,
        build_client(url, api_key=None, timeout_s=PATIENCE_S) as client,
    ):
        for one in (
            OpenaiEmbedder(client, model="m", max_texts=1),
            VectorsEmbedder(client, model="m"),
        ):
            with pytest.raises(TextsRejectedError) as told:
                await one.embed(["a"])
            assert told.value.ambiguous


DISGUISES: list[tuple[Response, str]] = [
    (
        Response(b'{"error": "Unexpected endpoint or method. (POST /x)"}'),
        "answered 200 with an error: Unexpected endpoint or method. (POST /x)",
    ),
    (
        Response(b'{"error": {"message": "No providers.", "code": 404}}'),
        "answered 200 with an error: No providers. (check embedding.url",
    ),
    (Response(b'{"detail": "not here"}', 404), "answered 404: not here (check embedding.url"),
    (Response(b"<html><title>Sign in</title>"), "answered 200 with an error: a web page: Sign in"),
    (
        Response(b"", 308, {"location": "/behind/v1/embeddings"}),
        "answered 308 (sends to http://127.0.0.1",
    ),
    (Response(b'{"object": "list"}'), "has no list 'data'"),
    (Response(b'{"data": [{"index": 0}]}'), "has no 'embedding'"),
    (Response(b"[1"), "the answer cannot be read"),
    (Response(b"please sign in"), "; it says: please sign in (check embedding.url"),
    (Response(b'{"result": {"msg_of_status": "login fail"}}'), "login fail"),
    (Response(b'{"error": "a\\u001b[2Jb\\u202e"}'), r"an error: a\x1b[2Jb\u202e"),
]


@pytest.mark.parametrize(("answer", "words"), DISGUISES, ids=[words for _, words in DISGUISES])
async def test_what_is_no_vectors_is_told_in_the_servers_own_words(
    server: EmbeddingServer, answer: Response, words: str
) -> None:
    server.script = [answer]
    async with (
        server.running() as url,
        build_client(url, api_key=None, timeout_s=PATIENCE_S) as client,
    ):
        with pytest.raises((TextsRejectedError, EmbedderUnavailableError)) as told:
            await OpenaiEmbedder(client, model="m", max_texts=1).embed(["a"])

    assert words in str(told.value)
    assert len(server.bodies) == 1


async def test_v1_twice_is_recognised(server: EmbeddingServer) -> None:
    async with (
        server.running() as url,
        build_client(f"{url}/v1", api_key=None, timeout_s=PATIENCE_S) as client,
    ):
        with pytest.raises(EmbedderUnavailableError, match=r"404: Not Found .*leave /v1 out"):
            await OpenaiEmbedder(client, model="m", max_texts=1).embed(["a"])


async def test_parameters_of_the_url_go_along_and_are_not_told(server: EmbeddingServer) -> None:
    server.script = [Response(b"no", 401)]
    async with (
        server.running() as url,
        build_client(f"{url}/?key=k9&v=2", api_key=None, timeout_s=PATIENCE_S) as client,
    ):
        with pytest.raises(EmbedderUnavailableError, match="/v1/embeddings answered 401") as told:
            await OpenaiEmbedder(client, model="m", max_texts=1).embed(["a"])

    assert server.queries == [{"key": "k9", "v": "2"}]
    assert "k9" not in str(told.value)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (400, "no idea"),
        (422, "no idea"),
        (500, "base64?"),
        (501, "encoding_format: no"),
        (415, "Unsupported encoding"),
        (500, "Base64 is not supported"),
        (200, '{"error": "unsupported format of embeddings"}'),
    ],
)
async def test_who_refuses_base64_is_asked_without_once_and_for_all(
    server: EmbeddingServer, status: int, words: str
) -> None:
    server.refuses_format, server.format_words = status, words
    async with (
        server.running() as url,
        build_client(url, api_key=None, timeout_s=PATIENCE_S) as client,
    ):
        embedder = OpenaiEmbedder(client, model="m", max_texts=2)
        vectors = await embedder.embed(["a", "b"])
        await embedder.embed(["c"])

    assert np.array_equal(vectors, np.stack([server.fake.vector(text) for text in "ab"]))
    assert ["encoding_format" in body for body in server.bodies] == [True, False, False]


async def test_who_fails_on_base64_without_a_word_is_asked_without_when_it_fails_again(
    server: EmbeddingServer,
) -> None:
    server.refuses_format, server.format_words = 500, "no idea"
    async with (
        server.running() as url,
        build_client(url, api_key=None, timeout_s=PATIENCE_S) as client,
    ):
        embedder = OpenaiEmbedder(client, model="m", max_texts=2)
        with pytest.raises(TextsRejectedError):
            await embedder.embed(["a"])
        await embedder.embed(["a"])
        await embedder.embed(["a"])

    assert ["encoding_format" in body for body in server.bodies] == [True, True, False, False]


async def test_who_knows_base64_is_not_asked_twice_for_a_text_that_it_refuses(
    server: EmbeddingServer,
) -> None:
    server.fake.poison.add("bad")
    async with (
        server.running() as url,
        build_client(url, api_key=None, timeout_s=PATIENCE_S) as client,
    ):
        embedder = OpenaiEmbedder(client, model="m", max_texts=2)
        await embedder.embed(["good"])
        with pytest.raises(TextsRejectedError):
            await embedder.embed(["bad"])

    assert ["encoding_format" in body for body in server.bodies] == [True, True]


async def test_an_answer_packed_in_a_way_that_nobody_asked_for_is_an_outage(
    server: EmbeddingServer,
) -> None:
    server.script = [Response(b"x", headers={"content-encoding": "br"})]
    async with (
        server.running() as url,
        build_client(url, api_key=None, timeout_s=PATIENCE_S) as client,
    ):
        with pytest.raises(EmbedderUnavailableError, match="packed as 'br'"):
            await OpenaiEmbedder(client, model="m", max_texts=1).embed(["a"])

    assert server.headers[0]["accept-encoding"] == "gzip"


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_packed_answer_is_unpacked(server: EmbeddingServer, encoding: str) -> None:
    content = json.dumps({"data": [{"embedding": [0.5] * 99_000}] * 2})
    pack = gzip.compress if encoding == "gzip" else zlib.compress
    body = pack(content.encode())
    server.script = [Response(body, headers={"content-encoding": encoding})]
    async with (
        server.running() as url,
        build_client(url, api_key=None, timeout_s=PATIENCE_S) as client,
    ):
        with pytest.raises(TextsRejectedError, match="99000 dimensions"):
            await OpenaiEmbedder(client, model="m", max_texts=2).embed(["a", "b"])


def held_bytes(error: BaseException | None) -> int:
    """Count the bytes that live as long as an error does, in the frames of its traceback."""
    if error is None:
        return 0
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    mine = sys._getframe(1)
    values = [one for frame in frames if frame is not mine for one in frame.f_locals.values()]
    values += [one.content for one in values if isinstance(one, Answer)]
    own = sum(len(one) for one in values if isinstance(one, bytes | bytearray))
    return own + held_bytes(error.__cause__) + held_bytes(error.__context__)


@pytest.mark.parametrize("size", [1 << 20, 8 << 20], ids=["unreadable", "too long"])
async def test_who_waits_after_a_failure_does_not_hold_the_answer(
    server: EmbeddingServer, size: int
) -> None:
    """Its memory is free for others from then on, so it must be."""
    server.script = [Response(b"[" + b" " * size)]
    async with (
        server.running() as url,
        build_client(url, api_key=None, timeout_s=PATIENCE_S) as client,
    ):
        with pytest.raises((TextsRejectedError, EmbedderUnavailableError)) as told:
            await OpenaiEmbedder(client, model="m", max_texts=1).embed(["a"])

    assert held_bytes(told.value) < 1000


async def test_more_tokens_than_there_can_be_are_not_counted(server: EmbeddingServer) -> None:
    counted: list[int] = []
    usages: list[object] = [10**12, True, 5]
    server.script = [
        Response(json.dumps({"data": [{"embedding": [1.0]}], "usage": {"prompt_tokens": one}}))
        for one in usages
    ]
    async with (
        server.running() as url,
        build_client(url, api_key=None, timeout_s=PATIENCE_S) as client,
    ):
        embedder = OpenaiEmbedder(client, model="m", max_texts=1, on_tokens=counted.append)
        for _ in usages:
            await embedder.embed(["a"])

    assert sum(counted) == 5


async def test_an_answer_that_cannot_be_unpacked_is_an_outage(server: EmbeddingServer) -> None:
    server.script = [Response(b"broken", headers={"content-encoding": "gzip"})]
    async with (
        server.running() as url,
        build_client(url, api_key=None, timeout_s=PATIENCE_S) as client,
    ):
        with pytest.raises(EmbedderUnavailableError):
            await OpenaiEmbedder(client, model="m", max_texts=1).embed(["a"])


@asynccontextmanager
async def connected_to(
    answer: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    *,
    timeout_s: float = PATIENCE_S,
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a server that may break every rule of HTTP; it serves one connection."""
    served = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answer(reader, writer)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        served.set()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listener:
        url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        async with build_client(url, api_key=None, timeout_s=timeout_s) as client:
            yield client
        async with asyncio.timeout(PATIENCE_S):
            await served.wait()


async def test_a_connection_that_breaks_within_the_answer_is_an_outage() -> None:
    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"}")
        writer.write(b'HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{"data": [')
        await writer.drain()

    async with connected_to(half) as client:
        with pytest.raises(EmbedderUnavailableError):
            await OpenaiEmbedder(client, model="m", max_texts=1).embed(["a"])


async def test_an_answer_that_never_comes_is_an_outage() -> None:
    async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with connected_to(silent, timeout_s=0.1) as client:
        with pytest.raises(EmbedderUnavailableError, match="Timeout"):
            await VectorsEmbedder(client, model="m").embed(["a"])
