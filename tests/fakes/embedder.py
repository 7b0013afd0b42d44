"""An embedding server without a network, which can be sick in every way that real ones are."""

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from services.embedding.ports import EmbedderUnavailableError, TextsRejectedError


class FakeEmbedder:
    """Gives every text a direction of its own, derived from a hash.

    Args:
        poison: Texts that make every request with them fail.
        nan: Texts whose vectors are NaN.
        outages: So many requests find nobody there.
        ambiguous: So many requests fail in a way that may be passing (a 500).
        wrong_counts: So many answers hold a vector too few; adapters notice that.
        retry_after_s: What the server asks for during an outage.
        poison_is_ambiguous: Poison shows as a 500 instead of a 400.
        in_time: Requests of more texts are not answered in time.
    """

    model = "fake-1"

    def __init__(
        self,
        *,
        dimension: int = 4,
        max_texts: int = 128,
        poison: Iterable[str] = (),
        nan: Iterable[str] = (),
        outages: int = 0,
        ambiguous: int = 0,
        wrong_counts: int = 0,
        retry_after_s: float | None = None,
        poison_is_ambiguous: bool = False,
        in_time: int | None = None,
    ) -> None:
        self.dimension = dimension
        self.max_texts = max_texts
        self.poison = set(poison)
        self.nan = set(nan)
        self.outages = outages
        self.ambiguous = ambiguous
        self.wrong_counts = wrong_counts
        self.retry_after_s = retry_after_s
        self.poison_is_ambiguous = poison_is_ambiguous
        self.in_time = in_time
        self.requests: list[list[str]] = []

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.requests.append(list(texts))
        if self.outages:
            self.outages -= 1
            raise EmbedderUnavailableError("connection refused", retry_after_s=self.retry_after_s)
        if self.in_time is not None and len(texts) > self.in_time:
            raise EmbedderUnavailableError("ReadTimeout", is_slow=True)
        if self.ambiguous:
            self.ambiguous -= 1
            raise TextsRejectedError("answered 500", ambiguous=True)
        if self.wrong_counts:
            self.wrong_counts -= 1
            raise TextsRejectedError("a vector too few", ambiguous=True)
        if self.poison.intersection(texts):
            raise TextsRejectedError(
                "answered 400: a bad text", ambiguous=self.poison_is_ambiguous
            )
        return np.stack([self.vector(text) for text in texts])

    def vector(self, text: str) -> NDArray[np.float32]:
        if text in self.nan:
            return np.full(self.dimension, np.nan, np.float32)
        seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])
        return np.random.default_rng(seed).normal(size=self.dimension).astype(np.float32)
