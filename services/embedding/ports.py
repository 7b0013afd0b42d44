"""What the handlers need from the outside world."""

from collections.abc import Sequence
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
