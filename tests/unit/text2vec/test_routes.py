import asyncio
import base64
import gc
from collections.abc import AsyncIterator
from typing import Any

import httpx
import numpy as np
import pytest
from pydantic import SecretStr

from services.text2vec.app import build_app
from services.text2vec.settings import Text2vecSection
from tests.fakes.text_encoder import FakeTextEncoder
from tests.waiting import until


def connect(encoder: FakeTextEncoder, **fields: Any) -> httpx.AsyncClient:
    app = build_app(Text2vecSection(**fields), encoder)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://text2vec")


@pytest.fixture
def encoder() -> FakeTextEncoder:
    return FakeTextEncoder()


@pytest.fixture
async def client(encoder: FakeTextEncoder) -> AsyncIterator[httpx.AsyncClient]:
    async with connect(encoder) as client:
        yield client


async def embed(client: httpx.AsyncClient, **body: Any) -> httpx.Response:
    return await client.post("/v1/embeddings", json=body)


def floats(answer: httpx.Response) -> np.ndarray:
    return np.array([item["embedding"] for item in answer.json()["data"]], np.float32)


# --- Weaviate


@pytest.mark.parametrize("path", ["/vectors", "/vectors/"])
async def test_weaviate_gets_the_vector_of_a_text(
    client: httpx.AsyncClient, encoder: FakeTextEncoder, path: str
) -> None:
    body = {"text": "a b", "config": {"pooling_strategy": "cls", "dimensions": 4}}

    answer = await client.post(path, json=body)

    content = answer.json()
    assert answer.status_code == 200
    assert content["text"] == "a b"
    assert content["dim"] == 4
    expected = encoder.encode(["a b"]).vectors[0]
    assert np.array_equal(np.array(content["vector"], np.float32), expected)


@pytest.mark.parametrize("path", ["/.well-known/ready", "/.well-known/live"])
async def test_weaviate_finds_the_service_alive(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)

    assert (answer.status_code, answer.content) == (204, b"")


async def test_meta_names_the_limits(client: httpx.AsyncClient) -> None:
    meta = (await client.get("/meta")).json()

    assert meta["model"] == "fake-1"
    assert meta["dimension"] == 4
    assert meta["max_characters"] == 1000
    assert meta["max_batch"] == 2048


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"text": ""}', "index 0 is blank"),
        (b'{"text": " \\n"}', "index 0 is blank"),
        (b'{"text": ["a"]}', "text must be a string"),
        (b"{}", "text must be a string"),
        (b"[]", "must be a JSON object"),
        (b"{", "is not JSON"),
        (b"\xff", "is not JSON"),
        (b'{"text": "a", "config": {"dimensions": 3}}', "dimensions must be 4"),
    ],
)
async def test_weaviate_is_told_what_is_wrong(
    client: httpx.AsyncClient, body: bytes, message: str
) -> None:
    answer = await client.post("/vectors", content=body)

    assert answer.status_code == 422
    assert message in answer.json()["error"]


# --- OpenAI


async def test_openai_gets_the_vectors_in_order(
    client: httpx.AsyncClient, encoder: FakeTextEncoder
) -> None:
    answer = await embed(client, model="any-name", input=["a", "b c"])

    content = answer.json()
    assert answer.status_code == 200
    assert content["object"] == "list"
    assert content["model"] == "fake-1"
    assert content["usage"] == {"prompt_tokens": 3, "total_tokens": 3}
    assert [item["index"] for item in content["data"]] == [0, 1]
    assert {item["object"] for item in content["data"]} == {"embedding"}
    assert np.array_equal(floats(answer), encoder.encode(["a", "b c"]).vectors)


async def test_one_text_may_stand_alone(client: httpx.AsyncClient) -> None:
    alone, listed = await embed(client, input="a"), await embed(client, input=["a"])

    assert alone.content == listed.content


async def test_base64_holds_the_same_floats(client: httpx.AsyncClient) -> None:
    texts = ["a", "b", "c d"]
    plain = await embed(client, input=texts, dimensions=4)
    packed = await embed(client, input=texts, encoding_format="base64")

    items = [base64.b64decode(item["embedding"]) for item in packed.json()["data"]]

    assert np.array_equal(np.stack([np.frombuffer(item, "<f4") for item in items]), floats(plain))


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "input"),
        ({"input": []}, "input"),
        ({"input": 7}, "input"),
        ({"input": ["a", ""]}, "input[1]"),
        ({"input": ["a", "b", " \t"]}, "input[2]"),
        ({"input": ""}, "input[0]"),
        ({"input": [1, 2]}, "input[0]"),
        ({"input": ["a", None]}, "input[1]"),
        ({"input": ["a"] * 5}, "input"),
        ({"input": "a", "encoding_format": "hex"}, "encoding_format"),
        ({"input": "a", "encoding_format": ["float"]}, "encoding_format"),
        ({"input": "a", "dimensions": 3}, "dimensions"),
        ({"input": "a", "dimensions": True}, "dimensions"),
        ({"input": "a", "dimensions": "4"}, "dimensions"),
    ],
)
async def test_openai_is_told_which_field_is_wrong(
    encoder: FakeTextEncoder, body: dict[str, Any], param: str
) -> None:
    async with connect(encoder, max_batch=4) as client:
        answer = await client.post("/v1/embeddings", json=body)

    error = answer.json()["error"]
    assert answer.status_code == 400
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"
    assert error["param"] == param
    assert error["message"].startswith(param)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'{"a": "\\ud800"', b"[" * 9999])
async def test_a_body_that_is_no_object_is_refused(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.post("/v1/embeddings", content=body)

    assert answer.status_code == 400
    assert "body" in answer.json()["error"]["message"]


async def test_models_lists_the_one_model(client: httpx.AsyncClient) -> None:
    content = (await client.get("/v1/models")).json()

    assert [model["id"] for model in content["data"]] == ["fake-1"]


# --- both


@pytest.mark.parametrize("escape", ["\\ud800", "\\uDFFF", "\\udc00\\ud800"])
async def test_a_lone_surrogate_becomes_the_replacement_character(
    client: httpx.AsyncClient, escape: str
) -> None:
    content = f'{{"text": "a {escape} \\ud83d\\ude42", "input": "a {escape} \\ud83d\\ude42"}}'
    clean = "a " + "\ufffd" * escape.count("\\") + " 🙂"

    weaviate = await client.post("/vectors", content=content)
    openai = await client.post("/v1/embeddings", content=content)

    assert weaviate.json()["text"] == clean
    assert openai.content == (await embed(client, input=clean)).content


@pytest.mark.parametrize("path", ["/vectors", "/v1/embeddings"])
@pytest.mark.parametrize("size", [1025, 8 * 1024 + 1])
async def test_a_large_body_is_refused(encoder: FakeTextEncoder, path: str, size: int) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(size):
            yield b"x"

    async with connect(encoder, max_body_bytes=1024) as client:
        answer = await client.post(path, content=parts())

    assert answer.status_code == 413
    assert "at most 1024 bytes" in answer.text


async def test_a_key_is_wanted_everywhere_but_for_health(encoder: FakeTextEncoder) -> None:
    key = httpx.Headers({b"authorization": b"bearer s3cret"})
    odd = httpx.Headers({b"authorization": "bearer s3crét".encode()})
    async with connect(encoder, api_key=SecretStr("s3cret")) as client:
        for path in ("/vectors", "/v1/embeddings"):
            body = {"text": "a", "input": "a"}
            assert (await client.post(path, json=body)).status_code == 401
            assert (await client.post(path, json=body, headers=odd)).status_code == 401
            assert (await client.post(path, json=body, headers=key)).status_code == 200
        for path in ("/meta", "/v1/models"):
            assert (await client.get(path)).status_code == 401
            wrong = await client.get(path, headers={"authorization": "Bearer x"})
            assert wrong.status_code == 401
            assert (await client.get(path, headers=key)).status_code == 200
        for path in ("/health", "/ready", "/.well-known/ready", "/.well-known/live"):
            assert (await client.get(path)).is_success


async def test_an_empty_key_is_none(encoder: FakeTextEncoder) -> None:
    async with connect(encoder, api_key=SecretStr("")) as client:
        assert (await client.get("/meta")).status_code == 200


async def test_errors_have_the_form_of_the_protocol(encoder: FakeTextEncoder) -> None:
    async with connect(encoder, api_key=SecretStr("k")) as client:
        openai = await client.get("/v1/models")
        weaviate = await client.get("/meta")

    assert openai.json()["error"]["code"] == "invalid_api_key"
    assert weaviate.json() == {"error": "Unauthorized"}
    assert weaviate.headers["www-authenticate"] == "Bearer"


async def test_an_unknown_path_has_openais_form(client: httpx.AsyncClient) -> None:
    missing = await client.get("/v1/nothing")
    wrong = await client.get("/v1/embeddings")

    assert (missing.status_code, wrong.status_code) == (404, 405)
    assert wrong.headers["allow"] == "POST"
    assert missing.json()["error"]["message"] == "Not Found"


async def test_health_answers_while_the_model_works(
    client: httpx.AsyncClient, encoder: FakeTextEncoder
) -> None:
    encoder.gate.clear()
    async with asyncio.TaskGroup() as group:
        running = group.create_task(embed(client, input="a"))
        await until(lambda: encoder.calls)
        health = await client.get("/health")
        assert not running.done()
        encoder.gate.set()

    assert health.json() == {"status": "ok", "model": "fake-1", "dimension": 4}
    assert running.result().status_code == 200


async def test_one_request_too_many_is_told_to_come_again(encoder: FakeTextEncoder) -> None:
    encoder.gate.clear()
    async with connect(encoder, max_requests=1) as client:
        async with asyncio.TaskGroup() as group:
            group.create_task(embed(client, input="a"))
            await until(lambda: encoder.calls)
            refused = await embed(client, input="b")
            encoder.gate.set()
        later = await embed(client, input="b")

    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "1"
    assert refused.json()["error"]["type"] == "rate_limit_error"
    assert later.status_code == 200


async def test_a_failing_model_is_500_and_the_next_request_is_served(
    client: httpx.AsyncClient, encoder: FakeTextEncoder
) -> None:
    encoder.failures = 1

    failed, served = await embed(client, input="a"), await embed(client, input="a")

    assert failed.status_code == 500
    assert failed.json()["error"]["message"] == "internal error"
    assert served.status_code == 200


def empty_lists() -> int:
    return sum(type(one) is list and not one for one in gc.get_objects())


@pytest.mark.parametrize(("path", "field"), [("/vectors", "text"), ("/v1/embeddings", "input")])
async def test_a_request_that_waits_holds_its_texts_and_nothing_else(
    client: httpx.AsyncClient, encoder: FakeTextEncoder, path: str, field: str
) -> None:
    """Many requests of much else than texts would together take more memory than there is."""
    encoder.gate.clear()
    body = b'{"%s": "a", "else": [%s[]]}' % (field.encode(), b"[]," * 50_000)
    before = empty_lists()
    asking = asyncio.ensure_future(client.post(path, content=body))
    await until(lambda: bool(encoder.calls))

    held = empty_lists() - before  # other tests of this process left some of their own
    encoder.gate.set()

    assert (await asking).status_code == 200
    assert held < 25_000
