"""Embeds over OpenAI's protocol, ``POST /v1/embeddings``, which many servers speak."""

import base64
import binascii
from collections.abc import Sequence
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

    def __init__(self, client: httpx.AsyncClient, *, model: str, max_texts: int) -> None:
        self._client = client
        self.model = model
        self.max_texts = max_texts

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed some texts; see the port."""
        body = {"model": self.model, "input": list(texts), "encoding_format": "base64"}
        return parse_answer(await post(self._client, PATH, body), len(texts))


def parse_answer(content: bytes, count: int) -> NDArray[np.float32]:
    """Read the vectors of an answer, in the order of the texts.

    Raises:
        TextsRejected: It is not an answer for so many texts, with vectors of one dimension.
    """
    try:
        items: list[dict[str, Any]] = orjson.loads(content)["data"]
        if not isinstance(items, list):
            raise TypeError("data is no list")
        if len(items) != count:
            raise TextsRejected(f"{len(items)} vectors for {count} texts", ambiguous=True)
        items.sort(key=lambda item: item["index"])
        return np.stack([_vector(item["embedding"]) for item in items])
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, binascii.Error) as error:
        reason = f"the answer cannot be read: {type(error).__name__} {error}"
        raise TextsRejected(reason, ambiguous=True) from error


def _vector(value: str | list[float]) -> NDArray[np.float32]:
    if isinstance(value, str):
        vector = np.frombuffer(base64.b64decode(value, validate=True), dtype="<f4")
    else:
        with np.errstate(over="ignore"):  # what overflows is infinite, and refused as such
            vector = np.array(value, dtype=np.float32)
    if vector.ndim != 1 or not vector.size:
        raise ValueError("an embedding is empty or no vector")
    return vector.astype(np.float32, copy=False)
