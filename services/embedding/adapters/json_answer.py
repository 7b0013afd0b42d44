"""Reads an answer in JSON without making more of it than there is.

A JSON reader makes up to thirty times as much in memory of what it reads. Here everything long, a
list of numbers or a text, is first put aside as the bytes that it is; what is left is little and
read as ever, and the vectors are made one by one.
"""

import binascii
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from services.embedding.domain.lengths import (
    MAX_DIMENSION,
    NUMBER_BYTES,
    REST_BYTES,
    REST_BYTES_PER_TEXT,
)
from services.embedding.ports import TextsRejectedError

SMALL = 1 << 20
"""What is shorter is read at once: thirty times as much is not much."""
SET_ASIDE = 80
"""A text of so many characters in what is left is one of ours: all others are shorter."""
LONG = SET_ASIDE + len('""')
LONG_ONES = re.compile(
    rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|\[[-+.,\s0-9eEnul]*+\]',
    re.DOTALL,
)
"""Texts and flat lists of numbers. Possessive, or each escape would cost memory of its own; a text
without end is one, or each quote in it would be tried."""


class UnreadableAnswerError(ValueError):
    """A part of it is not what it should be."""


class NoVectorsError(TextsRejectedError):
    """The answer is something else than vectors."""

    def __init__(self, reason: str, value: Any = None) -> None:
        super().__init__(reason, ambiguous=True)
        self.value = value
        """What it holds, if that could be read."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """What an answer holds; long lists and texts are still bytes."""

    value: Any
    _aside: tuple[memoryview, ...]

    def restored(self, value: Any) -> Any:
        """Return a value as JSON has it.

        Raises:
            UnreadableAnswerError: It is none.
        """
        raw = self._raw(value)
        try:
            return value if raw is None else orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            raise UnreadableAnswerError(f"it is not JSON: {error}") from error

    def vector(self, value: Any) -> NDArray[np.float32]:
        """Return an embedding (d,) from a list of numbers, or from base64 of float32.

        Raises:
            UnreadableAnswerError: It is neither.
        """
        raw = self._raw(value)
        if raw is not None and len(raw) > MAX_DIMENSION * NUMBER_BYTES:
            raise UnreadableAnswerError(f"an embedding has more than {MAX_DIMENSION} dimensions")
        if raw is not None and raw[:1] == b'"' and b"\\" not in bytes(raw):
            vector = _unpacked(raw[1:-1])
        else:
            plain = self.restored(value)
            vector = _unpacked(plain) if isinstance(plain, str) else _listed(plain)
        if not 0 < vector.size <= MAX_DIMENSION:
            raise UnreadableAnswerError(
                f"an embedding has {vector.size} dimensions, not 1 to {MAX_DIMENSION}"
            )
        return vector

    def is_packed(self, value: Any) -> bool:
        """Tell whether an embedding is base64."""
        raw = self._raw(value)
        return isinstance(value, str) if raw is None else raw[:1] == b'"'

    def _raw(self, value: Any) -> memoryview | None:
        is_ours = self._aside and isinstance(value, str) and len(value) == SET_ASIDE
        return self._aside[int(value)] if is_ours else None


def parse(content: bytes | bytearray, items: int) -> Parsed:
    """Read an answer that may hold so many embeddings.

    Raises:
        NoVectorsError: It is not JSON, or holds much that no answer does.
    """
    aside: list[memoryview] = []
    try:
        short = content if len(content) <= SMALL else _set_aside(memoryview(content), items, aside)
        return Parsed(orjson.loads(short), tuple(aside))
    except (orjson.JSONDecodeError, UnreadableAnswerError) as error:
        raise NoVectorsError(f"the answer cannot be read: {error}") from error


def _set_aside(content: memoryview, items: int, aside: list[memoryview]) -> bytearray:
    """Return what is left when long lists and texts are put aside, a number in their place.

    Raises:
        UnreadableAnswerError: It is more than an answer has beside its embeddings.
    """
    rest = bytearray()
    limit = REST_BYTES + REST_BYTES_PER_TEXT * items
    start = 0
    for found in LONG_ONES.finditer(content):
        first, end = found.span()
        if len(rest) + first - start > limit:
            break
        if end - first >= LONG:
            rest += bytes(content[start:first]) + b'"%0*d"' % (SET_ASIDE, len(aside))
            aside.append(content[first:end])
            start = end
    rest += content[start : start + limit + 1]
    if len(rest) > limit:
        raise UnreadableAnswerError(f"it holds more than {limit} bytes beside {items} embeddings")
    return rest


def _unpacked(packed: str | memoryview) -> NDArray[np.float32]:
    try:
        data = binascii.a2b_base64(packed, strict_mode=True)
    except ValueError as error:  # binascii.Error is one
        raise UnreadableAnswerError(f"an embedding is no base64: {error}") from error
    if len(data) % 4:
        raise UnreadableAnswerError(f"an embedding of {len(data)} bytes is not made of float32")
    return np.frombuffer(data, dtype="<f4").astype(np.float32, copy=False)


def _listed(numbers: Any) -> NDArray[np.float32]:
    # Numpy would take true for 1 and "2" for 2. Null is NaN, which the handler refuses.
    if not isinstance(numbers, list) or not set(map(type, numbers)) <= {int, float, type(None)}:
        raise UnreadableAnswerError("an embedding is neither a list of numbers nor base64")
    with np.errstate(over="ignore"):  # what overflows is infinite, and refused as such
        return np.array(numbers, dtype=np.float32)
