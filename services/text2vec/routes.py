"""The shell for HTTP: two protocols on one port.

* Weaviate's t2v-transformers: ``POST /vectors``, ``GET /meta``, ``GET /.well-known/ready`` and
  ``/.well-known/live``. Errors are ``{"error": str}``, and 422 (as FastAPI's) for a wrong body.
* OpenAI: ``POST /v1/embeddings``, ``GET /v1/models``. Errors have OpenAI's shape, and 400 for a
  body that is wrong. Any model name is accepted, since there is one model; the answer names it.
* ``GET /health`` and ``GET /ready`` for people and supervisors, ``GET /metrics`` for Prometheus.

These need no key. 413: the body is too large; 429: too many requests at a time.
"""

import base64
import json
import re
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ExceptionHandler

from services.text2vec.handlers import BlankText, embed_texts
from services.text2vec.ports import Encoded, TextEncoder
from shared.http.keyring import Keyring, bearer_token
from shared.observability import metrics
from shared.observability.health import metrics_route

LONE_SURROGATE = re.compile("[\ud800-\udfff]")
DRAIN_FACTOR = 8
HEADERS = {
    401: {"www-authenticate": "Bearer"},
    413: {"connection": "close"},
    429: {"retry-after": "1"},
}
OPENAI_TYPES = {401: "authentication_error", 429: "rate_limit_error", 500: "server_error"}


class RefusalError(Exception):
    """A request is answered with an error."""

    def __init__(
        self, status: int, message: str, *, param: str | None = None, code: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.param = param
        self.code = code


@dataclass(frozen=True)
class Limits:
    """What a request may ask for."""

    max_batch: int = 2048
    """The most texts in one request."""
    max_body_bytes: int = 8_388_608
    max_requests: int = 64
    """The most embedding requests at a time."""
    keyring: Keyring = field(default_factory=Keyring)
    """The token that requests must carry, if any."""


class Endpoints:
    """Decodes requests, calls the handler, encodes answers."""

    def __init__(self, encoder: TextEncoder, executor: Executor, limits: Limits) -> None:
        self._encoder = encoder
        self._executor = executor
        self._limits = limits
        self._running = 0

    async def answer_alive(self, request: Request) -> Response:
        """Answer Weaviate's health checks."""
        del request
        return Response(status_code=204)

    async def answer_health(self, request: Request) -> Response:
        """Say that the service works, with which model."""
        del request
        model, dimension = self._encoder.model_id, self._encoder.dimension
        return respond({"status": "ok", "model": model, "dimension": dimension})

    async def answer_meta(self, request: Request) -> Response:
        """Describe the model and the limits."""
        self._check_key(request)
        return respond(
            {
                "model": self._encoder.model_id,
                "dimension": self._encoder.dimension,
                "normalized": True,
                "max_tokens": self._encoder.max_tokens,
                "max_characters": self._encoder.max_characters,
                "max_batch": self._limits.max_batch,
                "max_body_bytes": self._limits.max_body_bytes,
            }
        )

    async def answer_models(self, request: Request) -> Response:
        """List the one model in OpenAI's form."""
        self._check_key(request)
        model = {"id": self._encoder.model_id, "object": "model", "created": 0}
        return respond({"object": "list", "data": [{**model, "owned_by": "mapstream"}]})

    async def embed_weaviate(self, request: Request) -> Response:
        """Embed one text in Weaviate's form; its pooling and task options have no effect."""
        async with self._admitted(request):
            text = self._weaviate_text(await self._read_body(request))
            encoded = await self._embed([text], 422, "text")
        vector = encoded.vectors[0]
        return respond({"text": text, "vector": vector, "dim": len(vector)})

    async def embed_openai(self, request: Request) -> Response:
        """Embed one or many texts in OpenAI's form."""
        async with self._admitted(request):
            texts, form = self._openai_input(await self._read_body(request))
            encoded = await self._embed(texts, 400, "input")
        rows = encode_base64(encoded) if form == "base64" else encoded.vectors
        tokens = sum(encoded.token_counts)
        return respond(
            {
                "object": "list",
                "data": [
                    {"object": "embedding", "index": index, "embedding": row}
                    for index, row in enumerate(rows)
                ],
                "model": self._encoder.model_id,
                "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
            }
        )

    # What else a body holds, twenty times its bytes as objects, is gone before the texts wait.

    def _weaviate_text(self, content: bytes) -> str:
        body = parse_object(content, 422)
        text = body.get("text")
        if not isinstance(text, str):
            raise RefusalError(422, "text must be a string", param="text")
        if isinstance(config := body.get("config"), dict):
            self._check_dimensions(config.get("dimensions"), 422)
        return text

    def _openai_input(self, content: bytes) -> tuple[list[str], str]:
        body = parse_object(content, 400)
        texts = self._parse_input(body.get("input"))
        form = body.get("encoding_format") or "float"
        if form not in ("float", "base64"):
            raise RefusalError(400, "must be float or base64", param="encoding_format")
        self._check_dimensions(body.get("dimensions"), 400)
        return texts, form

    async def _embed(self, texts: list[str], status: int, param: str) -> Encoded:
        try:
            encoded = await embed_texts(texts, encoder=self._encoder, executor=self._executor)
        except BlankText as error:
            where = f"{param}[{error.index}]" if param == "input" else param
            raise RefusalError(status, str(error), param=where, code="blank_text") from error
        metrics.TEXT2VEC_TEXTS.add(len(texts))
        metrics.TEXT2VEC_TOKENS.add(sum(encoded.token_counts))
        return encoded

    def _parse_input(self, given: object) -> list[str]:
        texts = [given] if isinstance(given, str) else given
        if not isinstance(texts, list) or not texts:
            raise RefusalError(400, "must be a string or a list of strings", param="input")
        if len(texts) > self._limits.max_batch:
            message = f"too many texts: {len(texts)}, at most {self._limits.max_batch}"
            raise RefusalError(400, message, param="input", code="batch_too_large")
        for index, text in enumerate(texts):
            if not isinstance(text, str):
                message = f"must be a string (token ids aren't supported), index {index}"
                raise RefusalError(400, message, param=f"input[{index}]")
        return texts

    def _check_dimensions(self, given: object, status: int) -> None:
        only = self._encoder.dimension
        if given is not None and (isinstance(given, bool) or given != only):
            raise RefusalError(
                status, f"dimensions must be {only} or left out", param="dimensions"
            )

    def _check_key(self, request: Request) -> None:
        keyring = self._limits.keyring
        token = bearer_token(request.headers.get("authorization", ""))
        if not keyring.is_open and keyring.identify(token) is None:
            raise RefusalError(401, "Unauthorized", code="invalid_api_key")

    @asynccontextmanager
    async def _admitted(self, request: Request) -> AsyncIterator[None]:
        self._check_key(request)
        if self._running >= self._limits.max_requests:
            raise RefusalError(429, "too many requests at a time", code="rate_limit_exceeded")
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1

    async def _read_body(self, request: Request) -> bytes:
        limit = self._limits.max_body_bytes
        body = bytearray()
        size = 0
        async for part in request.stream():
            size += len(part)
            if size <= limit:
                body += part
            elif size > limit * DRAIN_FACTOR:
                break  # who sends on and on won't read the answer either
        if size > limit:
            raise RefusalError(413, f"the body is too large, at most {limit} bytes")
        return bytes(body)


def parse_object(body: bytes, status: int) -> dict[str, Any]:
    """Parse a JSON object, a lone surrogate in it becoming U+FFFD.

    Raises:
        RefusalError: It is none; carries ``status``.
    """
    try:
        value = parse_json(body)
    except (ValueError, RecursionError) as error:
        raise RefusalError(status, f"the body is not JSON: {error!s:.200}") from error
    if not isinstance(value, dict):
        raise RefusalError(status, "the body must be a JSON object")
    return value


def parse_json(body: bytes) -> Any:
    """Parse JSON; the standard library takes over where orjson stops at a lone surrogate."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        if b"\\ud" not in body and b"\\uD" not in body:
            raise
    lenient = json.dumps(json.loads(body.decode()), ensure_ascii=False)
    return orjson.loads(LONE_SURROGATE.sub("\ufffd", lenient))


def encode_base64(encoded: Encoded) -> list[str]:
    """Return each vector as base64 of little-endian float32."""
    return [
        base64.b64encode(vector.tobytes()).decode() for vector in encoded.vectors.astype("<f4")
    ]


def respond(content: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Answer with JSON; numpy arrays are written as they are."""
    body = orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)
    return Response(body, status, headers, media_type="application/json")


def answer_error(request: Request, error: Exception) -> Response:
    """Answer with an error in the form of the protocol that was asked."""
    given: Mapping[str, str] = {}
    if isinstance(error, HTTPException):
        given = error.headers or {}  # what a 405 allows instead
        error = RefusalError(error.status_code, error.detail)
    elif isinstance(error, ClientDisconnect):
        error = RefusalError(400, "the client left")  # nobody reads it
    elif not isinstance(error, RefusalError):
        error = RefusalError(500, "internal error")
    headers = {**given, **HEADERS.get(error.status, {})}
    if not request.url.path.startswith("/v1/"):
        return respond({"error": error.message}, error.status, headers)
    content = {
        "message": error.message if error.param is None else f"{error.param}: {error.message}",
        "type": OPENAI_TYPES.get(error.status, "invalid_request_error"),
        "param": error.param,
        "code": error.code,
    }
    return respond({"error": content}, error.status, headers)


def build_routes(encoder: TextEncoder, executor: Executor, limits: Limits) -> list[Route]:
    """Build the routes of both protocols."""
    endpoints = Endpoints(encoder, executor, limits)
    return [
        Route("/.well-known/ready", endpoints.answer_alive),
        Route("/.well-known/live", endpoints.answer_alive),
        Route("/health", endpoints.answer_health),
        Route("/ready", endpoints.answer_health),
        metrics_route(),
        Route("/meta", endpoints.answer_meta),
        Route("/vectors", endpoints.embed_weaviate, methods=["POST"]),
        Route("/vectors/", endpoints.embed_weaviate, methods=["POST"]),
        Route("/v1/models", endpoints.answer_models),
        Route("/v1/embeddings", endpoints.embed_openai, methods=["POST"]),
    ]


def build_error_handlers() -> dict[Any, ExceptionHandler]:
    """Build the table of what answers which error."""
    return dict.fromkeys((RefusalError, HTTPException, ClientDisconnect, Exception), answer_error)
