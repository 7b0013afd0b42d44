"""Contents in memory, given in small portions."""

import hashlib
from collections.abc import Callable

from services.discovery.ports import SourceChangedError


class FakeContent:
    def __init__(
        self, name: str, size: int, take: Callable[[], bytes], *, portion_bytes: int = 1 << 20
    ) -> None:
        self.name = name
        self.size = size
        self._take = take
        self._portion_bytes = portion_bytes
        self._content: bytes | None = None
        self._position = 0

    @property
    def is_opened(self) -> bool:
        return self._content is not None

    @property
    def newlines(self) -> int:
        return self._whole()[: self._position].count(b"\n")

    def read(self, size: int) -> bytes:
        end = self._position + min(size, self._portion_bytes)
        piece = self._whole()[self._position : end]
        self._position += len(piece)
        return piece

    def read_at(self, position: int, size: int) -> bytes:
        return self._whole()[position : position + size]

    def first_data(self) -> int:
        self._whole()
        return 0

    def verify(self, fingerprint: str) -> None:
        if hashlib.sha256(self._whole()).hexdigest() != fingerprint:
            raise SourceChangedError(f"{self.name} was changed while it was read")

    def close(self) -> None:
        pass

    def _whole(self) -> bytes:
        if self._content is None:
            self._content = self._take()
        return self._content


def content_of(data: bytes, portion_bytes: int = 1 << 20) -> FakeContent:
    return FakeContent("a.jsonl", len(data), lambda: data, portion_bytes=portion_bytes)
