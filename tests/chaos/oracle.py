"""What must be true at rest, computed from the sources alone: nothing of the product is imported.

Logs are read again line by line, texts embedded again, the plane of most variance computed again
by a singular value decomposition of what is stored.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from tests.chaos.vectors import vector

CLOSE = 2e-5
"""Of coordinates, which are float32 sums over a few dozen products of a size of ten."""
SCATTER = 1e-9
COLUMNS = ("id", "timestamp", "filename", "text", "iteration", "idx_in_iteration", "type")
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Content:
    """What a file says, under one limit of the length of a line."""

    rows: dict[str, Row] = field(default_factory=dict)
    """Id to row, without those that no server embeds."""
    seen: int = 0
    dead: int = 0

    @property
    def is_complete(self) -> bool:
        return self.seen > 0


def read_log(data: bytes, filename: str, max_line_bytes: int) -> Content:
    """Read a log in the plainest way; nothing if its last line has no final answer."""
    lines = [line for line in data.decode().split("\n") if line.strip()]
    entries = [_parsed(line) for line in lines]
    if not entries or (entries[-1] or {}).get("final_answer") is None:
        return Content()
    rows, dead, counts = dict[str, Row](), 0, Counter[int]()
    for line, entry in zip(lines, entries, strict=True):
        if entry is None or len(line.encode()) > max_line_bytes:
            dead += 1
            continue
        row = _row(entry, filename, counts)
        if "POISON" in row["text"]:
            dead += 1
        else:
            rows[row["id"]] = row
    return Content(rows, len(rows) + dead, dead)


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        return json.loads(line)
    except ValueError:
        return None


def _row(entry: dict[str, Any], filename: str, counts: Counter[int]) -> Row:
    is_prompt = entry["type"] == "initial_prompt"
    iteration = 0 if is_prompt else entry["iteration"]
    idx = counts[iteration]
    counts[iteration] += 1
    key = sha256(f"{filename}:{iteration}:{idx}".encode()).hexdigest()
    text = entry["prompt"] if is_prompt else entry["response"]
    time = datetime.fromisoformat(entry["timestamp"]).replace(tzinfo=UTC)
    return dict(
        zip(COLUMNS, (key, time, filename, text, iteration, idx, entry["type"]), strict=True)
    )


@dataclass(frozen=True, slots=True)
class Stored:
    """What the public files hold; all arrays in the order of ``rows``."""

    rows: Sequence[Row]
    vectors: np.ndarray
    """(n, d) float32."""
    points: np.ndarray
    """(n, 2) float32."""

    def by_source(self) -> dict[str, dict[str, Row]]:
        found = dict[str, dict[str, Row]]()
        for row in self.rows:
            found.setdefault(row["filename"], {})[row["id"]] = row
        return found


def faults_of_rows(
    stored: Stored, allowed: Mapping[str, Sequence[Content]], *, whole: bool = True
) -> Iterator[str]:
    """Compare rows with what each source may look like.

    Args:
        stored: What is there.
        allowed: Filename to the contents of which one has to be there; an empty one stands for a
            source that may be absent.
        whole: Whether a part of a content is wrong.
    """
    ids = [row["id"] for row in stored.rows]
    if len(ids) != len(set(ids)):
        yield f"{len(ids) - len(set(ids))} ids are there twice"
    found = stored.by_source()
    for name in sorted(found.keys() - allowed.keys()):
        yield f"{name}: {len(found[name])} rows of a source that should not be there"
    for name, contents in sorted(allowed.items()):
        rows = found.get(name, {})
        if any(rows == one.rows for one in contents):
            continue
        if not whole and any(rows.items() <= one.rows.items() for one in contents):
            continue
        wanted = " or ".join(str(len(one.rows)) for one in contents)
        yield f"{name}: {_difference(rows, contents[-1].rows)} ({wanted} rows expected)"


def _difference(rows: dict[str, Row], wanted: dict[str, Row]) -> str:
    missing, extra = len(wanted.keys() - rows.keys()), len(rows.keys() - wanted.keys())
    changed = [
        (column, rows[key][column], wanted[key][column])
        for key in rows.keys() & wanted.keys()
        for column in COLUMNS
        if rows[key][column] != wanted[key][column]
    ]
    first = f", first in {changed[0]!r:.200}" if changed else ""
    return f"{missing} rows missing, {extra} too many, {len(changed)} values differ{first}"


def faults_of_vectors(stored: Stored, spaces: Iterable[int]) -> Iterator[str]:
    """Check that every row has the vector of its own text, in one of the spaces."""
    wrong = 0
    for row, found in zip(stored.rows, stored.vectors, strict=True):
        wrong += not any(np.array_equal(found, vector(row["text"], one)) for one in spaces)
    if wrong:
        yield f"{wrong} rows have a vector that is not their text's"


def faults_of_points(stored: Stored, mean: np.ndarray, components: np.ndarray) -> Iterator[str]:
    """Check that every point is its vector's image under mean (d,) and components (2, d)."""
    if len(stored.rows):
        wanted = (stored.vectors.astype(np.float64) - mean) @ components.T.astype(np.float64)
        off = np.abs(wanted - stored.points).max()
        if off > CLOSE * max(1.0, np.abs(wanted).max()):
            yield f"a point is {off:.3g} away from where the model puts its vector"


def faults_of_moments(
    stored: Stored, count: int, mean: np.ndarray, scatter: np.ndarray
) -> Iterator[str]:
    """Compare counted moments with those of the rows, in two passes of float64."""
    if count != len(stored.rows):
        yield f"{count} vectors are counted, {len(stored.rows)} are stored"
        return
    if not count:
        return
    wide = stored.vectors.astype(np.float64)
    centre = wide.mean(axis=0)
    wide -= centre
    wanted = wide.T @ wide
    size = max(float(np.trace(wanted)), 1e-12)
    off = float(np.linalg.norm(scatter - wanted)) / size
    if off > SCATTER:
        yield f"the scatter of the moments is off by {off:.2g} of its trace"
    shift = float(np.abs(mean - centre).max())
    if shift > SCATTER * max(1.0, float(np.abs(centre).max())) * np.sqrt(size):
        yield f"the mean of the moments is off by {shift:.2g}"


def faults_of_plane(
    stored: Stored, components: np.ndarray, ratio: Sequence[float]
) -> Iterator[str]:
    """Compare a model that was just fitted with the plane of most variance of what is stored.

    The plane counts, not its axes: they may be turned onto the map before.
    """
    wide = stored.vectors.astype(np.float64)
    wide -= wide.mean(axis=0)
    _, sizes, axes = np.linalg.svd(wide, full_matrices=False)
    share = np.linalg.norm(wide @ components.T.astype(np.float64)) ** 2 / (sizes**2).sum()
    best = (sizes[:2] ** 2).sum() / (sizes**2).sum()
    if best - share > 1e-6:
        yield f"the plane explains {share:.6f} of the variance, the best one {best:.6f}"
    if abs(sum(ratio) - best) > 1e-5:
        yield f"the model tells {sum(ratio):.6f} of the variance, {best:.6f} is true"
    gap = sizes[1] / sizes[2] if len(sizes) > 2 else 2.0
    off = np.linalg.norm(axes[:2].T @ axes[:2] - components.T @ components)
    if gap > 1.01 and off > 1e-3:
        yield f"the plane is turned by {off:.2g} away from that of most variance"


def movement(before: Stored, after: Stored) -> float:
    """Return the root mean square displacement of the points that both hold."""
    then = {row["id"]: point for row, point in zip(before.rows, before.points, strict=True)}
    moves = [
        after.points[at] - then[row["id"]]
        for at, row in enumerate(after.rows)
        if row["id"] in then
    ]
    return float(np.sqrt(np.mean(np.sum(np.square(moves, dtype=np.float64), axis=1))))


def content_of(file: Path, filename: str, limit: int) -> Content:
    """Read a file that is there; an empty content if it is not."""
    return read_log(file.read_bytes(), filename, limit) if file.exists() else Content()
