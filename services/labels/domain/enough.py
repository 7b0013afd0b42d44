"""When a map has changed so much that its regions are looked for again."""

from dataclasses import dataclass
from datetime import datetime

from services.labels.domain.regions import FEWEST_RECORDS

GROWN = 0.1
"""So many records more or fewer, as a share of those that there were."""
OLD_S = 600.0


@dataclass(frozen=True, slots=True)
class Shown:
    """What the public files show."""

    dataset_version: int
    model_version: int | None
    records: int


@dataclass(frozen=True, slots=True)
class Labelled:
    """What was labelled last."""

    shown: Shown
    at: datetime


def due_in_s(shown: Shown, last: Labelled | None, now: datetime) -> float | None:
    """Return after how many seconds a map is labelled again; nothing: not before it changes.

    At once if it was not yet, if its points were moved by another model, or if a tenth of its
    records came or left; for any other change ten minutes after the last time. A map of fewer than
    50 records has no labels, so that those of one that has shrunk are taken away once.
    """
    if last is None and shown.records < FEWEST_RECORDS:
        return None
    if last is None or shown.model_version != last.shown.model_version:
        return 0.0
    if abs(shown.records - last.shown.records) >= GROWN * last.shown.records:
        return 0.0
    if shown.dataset_version == last.shown.dataset_version:
        return None
    return max(0.0, OLD_S - (now - last.at).total_seconds())
