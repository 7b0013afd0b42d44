"""A text encoder without a model, which can be made to fail or to wait."""

import hashlib
import threading

import numpy as np

from services.text2vec.ports import Encoded


class FakeTextEncoder:
    """Gives every text a direction of its own, derived from a hash."""

    def __init__(self, *, dimension: int = 4, max_characters: int = 1000) -> None:
        self._dimension = dimension
        self._max_characters = max_characters
        self.failures = 0
        self.calls: list[list[str]] = []
        self.gate = threading.Event()
        self.gate.set()

    @property
    def model_id(self) -> str:
        return "fake-1"

    @property
    def dimension(self) -> int:
        return self._dimension

    @property
    def max_tokens(self) -> int | None:
        return None

    @property
    def max_characters(self) -> int:
        return self._max_characters

    def encode(self, texts: list[str]) -> Encoded:
        self.calls.append(texts)
        assert self.gate.wait(30)
        if self.failures:
            self.failures -= 1
            raise RuntimeError("the model failed")
        vectors = np.empty((len(texts), self._dimension), np.float32)
        read = [text.lstrip()[: self._max_characters] for text in texts]
        for row, text in zip(vectors, read, strict=True):
            seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])
            direction = np.random.default_rng(seed).normal(size=self._dimension)
            row[:] = direction / np.linalg.norm(direction)
        return Encoded(vectors, tuple(len(text.split()) for text in read))
