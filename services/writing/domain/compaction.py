"""When to join which fragments of a table, so that the cost per row stays flat.

Joining always everything small with the growing last fragment would copy that fragment again and
again. So fragments are joined by size, as in a log-structured merge tree: eight neighbours of one
size become one of the next, and a row is copied once per size, however large the table is.
"""

from collections.abc import Sequence
from dataclasses import dataclass

FAN_IN = 8
TARGETS = (262_144, 32_768, 4_096)
"""Rows of a joined fragment, largest first; a fragment of the largest is left alone."""
DELETED_SHARE = 0.25
"""A fragment with more dead rows than this is rewritten without them."""


@dataclass(frozen=True, slots=True)
class FragmentSize:
    """How many rows a fragment has, and how many of them are dead."""

    rows: int
    deleted: int = 0


@dataclass(frozen=True, slots=True)
class Join:
    """One compaction: neighbouring fragments to be joined, or one to be rewritten."""

    target_rows: int
    first: int
    """Position of the first fragment."""
    last: int
    """Position of the last fragment, inclusive."""


def plan_join(fragments: Sequence[FragmentSize]) -> Join | None:
    """Choose the next compaction, or none if all is well.

    Args:
        fragments: All fragments of the table, in its order.
    """
    for position, fragment in enumerate(fragments):
        if fragment.deleted > fragment.rows * DELETED_SHARE:
            return Join(max(TARGETS[0], fragment.rows), position, position)
    for target in TARGETS:
        for first, last in _runs(fragments, target):
            run = fragments[first : last + 1]
            lower = 0 if target == TARGETS[-1] else target // FAN_IN
            if sum(fragment.rows >= lower for fragment in run) >= FAN_IN:
                return Join(target, first, last)
    return None


def _runs(fragments: Sequence[FragmentSize], target: int) -> list[tuple[int, int]]:
    """Return first and last position of each run of fragments below the target."""
    runs: list[tuple[int, int]] = []
    for position, fragment in enumerate(fragments):
        if fragment.rows >= target:
            continue
        if runs and runs[-1][1] == position - 1:
            runs[-1] = (runs[-1][0], position)
        else:
            runs.append((position, position))
    return runs
