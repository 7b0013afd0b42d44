"""How long an answer may be, by what was asked."""

from dataclasses import dataclass

MAX_DIMENSION = 65_536
"""Longer vectors are nobody's, and too long for the bus."""
NUMBER_BYTES = 48
"""No number takes more in JSON: 24 digits and signs, and what spreads them over lines."""
PACKED_BYTES = 6
"""Of a number in base64: 5 1/3, and a little for escapes."""
REST_BYTES = 65_536
REST_BYTES_PER_TEXT = 2_048
"""What stands beside the vectors of an answer."""
ESCAPED_BYTES = 6
"""A byte of a text takes no more in JSON, where a server repeats it."""


@dataclass(slots=True)
class Expected:
    """What the last good answer of a server was like; until there is one, the most that may be."""

    dimension: int = MAX_DIMENSION
    number_bytes: int = NUMBER_BYTES

    def size_bytes(self, texts: int, *, repeated_bytes: int = 0) -> int:
        """Return how long an answer for so many texts may be.

        Args:
            texts: How many are asked for.
            repeated_bytes: UTF-8 of those texts that the answer may repeat.
        """
        vector = self.dimension * self.number_bytes + REST_BYTES_PER_TEXT
        return texts * vector + REST_BYTES + repeated_bytes * ESCAPED_BYTES

    def learn(self, dimension: int, *, is_packed: bool) -> None:
        """Note what a good answer was like."""
        self.dimension = dimension
        self.number_bytes = PACKED_BYTES if is_packed else NUMBER_BYTES

    def forget(self) -> None:
        """Expect anything again: the server may have another model now."""
        self.dimension, self.number_bytes = MAX_DIMENSION, NUMBER_BYTES
