"""An embedding server over real HTTP, whose mind is a FakeEmbedder."""

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.embedding.ports import EmbedderUnavailableError, TextsRejectedError
from shared.observability.health import serving
from tests.fakes.embedder import FakeEmbedder


class EmbeddingServer:
    """Speaks OpenAI's protocol and that of ``POST /vectors``.

    Args:
        fake: Answers; its outages are 503, its refusals 400, its ambiguous failures 500.
        knows_base64: Whether it heeds ``encoding_format``; many servers don't.
        pretty: Whether its JSON is spread over lines.
        refuses_format: The status with which it refuses to be asked with ``encoding_format``.
    """

    def __init__(
        self,
        fake: FakeEmbedder,
        *,
        knows_base64: bool = True,
        pretty: bool = False,
        refuses_format: int | None = None,
    ) -> None:
        self.fake = fake
        self.knows_base64 = knows_base64
        self.indent = 2 if pretty else None
        self.refuses_format = refuses_format
        self.script: list[Response] = []
        """Answers that come first, whatever is asked."""
        self.format_words = "body.encoding_format: Extra inputs are not permitted"
        self.bodies: list[dict[str, Any]] = []
        self.queries: list[dict[str, str]] = []
        self.headers: list[dict[str, str]] = []

    @asynccontextmanager
    async def running(self, port: int = 0) -> AsyncIterator[str]:
        """Serve until the block ends, on any port if none is given; yields the root URL."""
        routes = [
            Route("/v1/embeddings", self._openai, methods=["POST"]),
            Route("/vectors", self._vectors, methods=["POST"]),
        ]
        async with serving(Starlette(routes=routes), "127.0.0.1", port) as chosen:
            yield f"http://127.0.0.1:{chosen}"

    async def _openai(self, request: Request) -> Response:
        body = await self._read(request)
        if self.refuses_format and "encoding_format" in body:
            return Response(self.format_words, self.refuses_format)
        answer = await self._answer(body["input"])
        if isinstance(answer, Response):
            return answer
        packed = self.knows_base64 and body.get("encoding_format") == "base64"
        data = [
            {"object": "embedding", "index": index, "embedding": _written(vector, packed=packed)}
            for index, vector in enumerate(answer)
        ]
        return self._json({"object": "list", "data": data[::-1], "model": "a-model"})

    async def _vectors(self, request: Request) -> Response:
        body = await self._read(request)
        answer = await self._answer([body["text"]])
        if isinstance(answer, Response):
            return answer
        vector = _written(answer[0], packed=False)
        return self._json({"text": body["text"], "vector": vector, "dim": len(vector)})

    async def _read(self, request: Request) -> dict[str, Any]:
        body = json.loads(await request.body())
        self.bodies.append(body)
        self.headers.append(dict(request.headers))
        self.queries.append(dict(request.query_params))
        return body

    async def _answer(self, texts: list[str]) -> np.ndarray | Response:
        if self.script:
            return self.script.pop(0)
        try:
            return await self.fake.embed(texts)
        except EmbedderUnavailableError as error:
            wait = error.retry_after_s
            return Response(str(error), 503, {} if wait is None else {"retry-after": str(wait)})
        except TextsRejectedError as error:
            return Response(str(error), 500 if error.ambiguous else 400)

    def _json(self, content: Any) -> Response:
        text = json.dumps(content, indent=self.indent, ensure_ascii=False)
        return Response(text, media_type="application/json")


def _written(vector: np.ndarray, *, packed: bool) -> Any:
    return base64.b64encode(vector.astype("<f4").tobytes()).decode() if packed else vector.tolist()
