"""What the handlers need from the outside world."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from shared.errors import MapstreamError, TransientError


class EmbedderUnavailableError(TransientError):
    """The server is away, overloaded, or refuses everybody: no text is to blame."""

    def __init__(
        self, reason: str, *, retry_after_s: float | None = None, is_slow: bool = False
    ) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s
        self.is_slow = is_slow
        """Whether it took the request but did not answer in time: fewer texts may be answered."""


class TextsRejectedError(MapstreamError):
    """The server answered, but not with vectors for these texts."""

    def __init__(self, reason: str, *, ambiguous: bool = False) -> None:
        super().__init__(reason)
        self.ambiguous = ambiguous
        """Whether the same request may succeed later (a 500 can mean either)."""


class Embedder(Protocol):
    """Turns texts into vectors, one request at a time."""

    @property
    def model(self) -> str:
        """Name of the model, as stored beside its vectors."""
        ...

    @property
    def max_texts(self) -> int:
        """How many texts a request may hold."""
        ...

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed at most ``max_texts`` texts.

        Returns:
            An array (n, d), one row a text, in order; values may be NaN if the server sent them.

        Raises:
            EmbedderUnavailableError: Nothing is wrong with the texts; try again later.
            TextsRejectedError: At least one text is at fault, or may be.
        """
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Generation:
    """The vectors of one model, known by what it makes of a plain sentence."""

    number: int
    canary: NDArray[np.float32]


class VectorCache(Protocol):
    """Keeps vectors by text and generation; may lose any of them at any time, and never fails."""

    async def generations(self, space: str) -> Sequence[Generation]:
        """Return what is known of a server's models, the newest first."""
        ...

    async def begin(self, space: str, canary: NDArray[np.float32]) -> int | None:
        """Begin another generation; None: nothing can be kept."""
        ...

    async def get(
        self, generation: int, texts: Sequence[str]
    ) -> Mapping[str, NDArray[np.float32]]:
        """Return the vectors (d,) of those texts that have one."""
        ...

    async def put(self, generation: int, vectors: Mapping[str, NDArray[np.float32]]) -> None:
        """Keep vectors (d,) by text."""
        ...

    async def mark(self) -> int:
        """Return a number by which what is kept from now on is known."""
        ...

    async def forget(self, generation: int, since: int) -> None:
        """Forget what was kept of a generation since a mark."""
        ...
