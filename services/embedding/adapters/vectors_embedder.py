"""Embeds over ``POST /vectors``, the protocol of t2v-transformers servers: one text a request."""

from collections.abc import Sequence

import httpx
import numpy as np
import orjson
from numpy.typing import NDArray

from services.embedding.adapters.http_client import post
from services.embedding.ports import TextsRejected

PATH = "/vectors"


class VectorsEmbedder:
    """Sends one text a request; the handler keeps several requests in flight."""

    max_texts = 1

    def __init__(self, client: httpx.AsyncClient, *, model: str) -> None:
        self._client = client
        self.model = model

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed one text; see the port."""
        (text,) = texts
        return parse_answer(await post(self._client, PATH, {"text": text}))


def parse_answer(content: bytes) -> NDArray[np.float32]:
    """Read the vector of an answer as an array (1, d).

    By orjson and a list: Arrow's JSON reader takes ten times as long and crashes the process
    when the answer is ``null``.

    Raises:
        TextsRejected: There is no vector of numbers in it.
    """
    try:
        with np.errstate(over="ignore"):  # what overflows is infinite, and refused as such
            vector = np.array(orjson.loads(content)["vector"], dtype=np.float32)
        if vector.ndim != 1 or not vector.size:
            raise ValueError("an embedding is empty or no vector")
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        reason = f"the answer cannot be read: {type(error).__name__} {error}"
        raise TextsRejected(reason, ambiguous=True) from error
    return vector[None, :]
