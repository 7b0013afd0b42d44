"""Rules about which texts are computed together."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

Sized = TypeVar("Sized")


def plan_batches(
    lengths: Sequence[int], *, max_texts: int, max_tokens: int
) -> Iterator[list[int]]:
    """Group texts of similar length, so that little is padded and memory stays bounded.

    Args:
        lengths: Tokens of each text.
        max_texts: The most texts in one group.
        max_tokens: The most tokens in one group, padding counted; a longer text goes alone.

    Yields:
        Groups of positions in ``lengths``, shortest texts first; each position is in one group.
    """
    group: list[int] = []
    for position in sorted(range(len(lengths)), key=lengths.__getitem__):
        padded = lengths[position] * (len(group) + 1)
        if group and (len(group) == max_texts or padded > max_tokens):
            yield group
            group = []
        group.append(position)
    if group:
        yield group


def group_by_size(
    items: Iterable[tuple[Sized, int]], *, max_items: int, max_size: int
) -> Iterator[list[Sized]]:
    """Group items in their order, each group bounded in number and total size.

    Args:
        items: The items, each with its size.
        max_items: The most items in a group.
        max_size: The most total size of a group; a larger item goes alone.

    Yields:
        Groups that are never empty.
    """
    group: list[Sized] = []
    total = 0
    for item, size in items:
        if group and (len(group) == max_items or total + size > max_size):
            yield group
            group, total = [], 0
        group.append(item)
        total += size
    if group:
        yield group
