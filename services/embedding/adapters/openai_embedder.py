"""Embeds over OpenAI's protocol, ``POST /v1/embeddings``, which many servers speak."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any

import httpx
import numpy as np
import orjson
from numpy.typing import NDArray

from services.embedding.adapters.http_client import post
from services.embedding.ports import TextsRejected

PATH = "/v1/embeddings"


class OpenaiEmbedder:
    """Asks for base64; takes lists of numbers from servers that do not know it."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        *,
        model: str,
        max_texts: int,
        on_tokens: Callable[[int], None] = lambda _tokens: None,
    ) -> None:
        self._client = client
        self._on_tokens = on_tokens
        self.model = model
        self.max_texts = max_texts

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed some texts; see the port."""
        body = {"model": self.model, "input": list(texts), "encoding_format": "base64"}
        content = await post(self._client, PATH, body)
        return parse_answer(content, len(texts), on_tokens=self._on_tokens)


def parse_answer(
    content: bytes, count: int, *, on_tokens: Callable[[int], None] = lambda _tokens: None
) -> NDArray[np.float32]:
    """Read the vectors of an answer, in the order of the texts.

    Args:
        content: The JSON body.
        count: How many texts were sent.
        on_tokens: Told how many tokens they had, if the answer says so.

    Raises:
        TextsRejected: It is not an answer for so many texts, with vectors of one dimension.
    """
    try:
        answer = orjson.loads(content)
        items: list[dict[str, Any]] = answer["data"]
        if not isinstance(items, list):
            raise TypeError("data is no list")
        if len(items) != count:
            raise TextsRejected(f"{len(items)} vectors for {count} texts", ambiguous=True)
        items.sort(key=lambda item: item["index"])
        vectors = np.stack([_vector(item["embedding"]) for item in items])
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, binascii.Error) as error:
        reason = f"the answer cannot be read: {type(error).__name__} {error}"
        raise TextsRejected(reason, ambiguous=True) from error
    tokens = _tokens(answer.get("usage"))
    if tokens is not None:
        on_tokens(tokens)
    return vectors


def _tokens(usage: Any) -> int | None:
    tokens = usage.get("prompt_tokens") if isinstance(usage, dict) else None
    return tokens if isinstance(tokens, int) and tokens >= 0 else None


def _vector(value: str | list[float]) -> NDArray[np.float32]:
    if isinstance(value, str):
        vector = np.frombuffer(base64.b64decode(value, validate=True), dtype="<f4")
    else:
        with np.errstate(over="ignore"):  # what overflows is infinite, and refused as such
            vector = np.array(value, dtype=np.float32)
    if vector.ndim != 1 or not vector.size:
        raise ValueError("an embedding is empty or no vector")
    return vector.astype(np.float32, copy=False)
