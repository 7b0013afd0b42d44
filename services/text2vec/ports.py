"""What the handlers need from outside: a model."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Encoded:
    """What a model made of some texts.

    Attributes:
        vectors: One float32 unit vector per text, of shape (texts, dimension), C-contiguous.
        token_counts: How many tokens of each text were read.
    """

    vectors: npt.NDArray[np.float32]
    token_counts: tuple[int, ...]


class TextEncoder(Protocol):
    """Turns texts into vectors; is called from one thread at a time."""

    @property
    def model_id(self) -> str:
        """Name the vector space: vectors under different names must not be compared."""
        ...

    @property
    def dimension(self) -> int:
        """Return the number of components of every vector."""
        ...

    @property
    def max_tokens(self) -> int | None:
        """Return how many tokens of a text are read at most, or nothing if all are."""
        ...

    @property
    def max_characters(self) -> int:
        """Return how many characters of a text are read at most."""
        ...

    def encode(self, texts: list[str]) -> Encoded:
        """Encode texts.

        Args:
            texts: Any number of texts, none of them blank, none with a lone surrogate.

        Returns:
            One finite unit vector per text, in their order. A text's vector is bitwise the same
            whatever the other texts are.
        """
        ...
