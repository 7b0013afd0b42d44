"""What people decide of pairs of records of two collections."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Decision = Literal["accept", "reject"]
Wish = Decision | Literal["undo"]
Action = Literal["add", "change", "remove"]


@dataclass(frozen=True, slots=True)
class Between:
    """Which records are matched with which."""

    collection: str
    other: str


@dataclass(frozen=True, slots=True)
class Pair:
    """Two records, and the hash of their texts."""

    record: str
    other_record: str
    texts: str


@dataclass(frozen=True, slots=True)
class Decided:
    """What was decided of a pair with these texts."""

    pair: Pair
    decision: Decision
    at: datetime
    by: str


def decide(
    before: Decided | None, pair: Pair, wish: Wish, by: str, now: datetime
) -> Decided | None:
    """Return what is decided of a pair from now on; None: nothing.

    What was decided of the same texts by somebody before stays that one's.
    """
    if wish == "undo":
        return None
    if before is not None and (before.pair, before.decision) == (pair, wish):
        return before
    return Decided(pair, wish, now, by)


def action_of(before: Decided | None, after: Decided | None) -> Action | None:
    """Name what was done for the audit; None: nothing was."""
    if before == after:
        return None
    if before is None:
        return "add"
    return "remove" if after is None else "change"
