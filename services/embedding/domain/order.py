"""Which vector of an answer belongs to which text."""

from collections.abc import Sequence
from typing import Any


class AmbiguousOrderError(ValueError):
    """Nobody can tell whose vector is whose."""


MISSING = object()
"""Stands for the index of an item that has none."""


def places(indexes: Sequence[Any]) -> list[int]:
    """Tell where in the answer the vector of each text stands.

    Args:
        indexes: What each item of the answer says that its place is; ``MISSING`` if nothing.

    Returns:
        For each text, in order, the place of its item. The order of the answer itself is believed
        if no item says anything, or all say the same.

    Raises:
        AmbiguousOrderError: The indexes are not the integers from 0 on, each once.
    """
    count = len(indexes)
    if all(_is_number(one) and 0 <= one < count for one in indexes):
        found = dict(zip(indexes, range(count), strict=True))
        if len(found) == count:
            return [found[text] for text in range(count)]
    if count and all(_is_same(one, indexes[0]) for one in indexes):
        return list(range(count))
    raise AmbiguousOrderError(
        f"nobody can tell which vector is whose: their indexes are {_shown(indexes)}, "
        f"not the numbers from 0 to {count - 1}, each once"
    )


def _is_number(value: Any) -> bool:
    return type(value) is int  # True and 1.0 equal 1, but are no index


def _is_same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and one == other


def _shown(indexes: Sequence[Any]) -> str:
    few = 5
    words = ["missing" if one is MISSING else f"{one!r:.20}" for one in indexes[:few]]
    return ", ".join(words) + (", ..." if len(indexes) > few else "")
