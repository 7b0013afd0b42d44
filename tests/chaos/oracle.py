"""What must be true at rest, computed from the sources alone: nothing of the product is imported.

Logs are read again line by line, texts embedded again, the plane of most variance computed again
by a singular value decomposition of what is stored.
"""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from typing import Any

import numpy as np
import pyarrow as pa

from tests.chaos.vectors import MARKS, PLAIN, vector

CLOSE = 2e-5
"""Of coordinates, which are float32 sums over a few dozen products of a size of ten."""
SCATTER = 1e-9
FORGOTTEN = 1e-6
COLUMNS = ("id", "timestamp", "filename", "text", "iteration", "idx_in_iteration", "type")
Row = dict[str, Any]
embedded = cache(vector)


@dataclass(frozen=True, slots=True)
class Content:
    """What a file says, under one limit of the length of a line."""

    rows: dict[str, Row] = field(default_factory=dict)
    """Id to row, without those that no server embeds."""
    seen: int = 0
    dead: int = 0
    places: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Id to the number of the record's line, the first is 1, and to where it begins, in bytes."""

    @property
    def is_complete(self) -> bool:
        return self.seen > 0


@cache
def read_log(data: bytes, filename: str, max_line_bytes: int) -> Content:
    """Read a log in the plainest way; nothing if its last line has no final answer."""
    lines = [
        (number, offset, line) for number, offset, line in _numbered(data.decode()) if line.strip()
    ]
    entries = [_parsed(line) for _, _, line in lines]
    if not entries or (entries[-1] or {}).get("final_answer") is None:
        return Content()
    content, dead, counts = Content(), 0, Counter[int]()
    for (number, offset, line), entry in zip(lines, entries, strict=True):
        if entry is None or len(line.encode()) > max_line_bytes:
            dead += 1
            continue
        row = _row(entry, filename, counts)
        if "POISON" in row["text"]:
            dead += 1
        else:
            content.rows[row["id"]] = row
            content.places[row["id"]] = (number, offset)
    return replace(content, seen=len(content.rows) + dead, dead=dead)


def _numbered(text: str) -> Iterator[tuple[int, int, str]]:
    offset = 0
    for number, line in enumerate(text.split("\n"), 1):
        yield number, offset, line
        offset += len(line.encode()) + 1


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
        wrong += not any(np.array_equal(found, embedded(row["text"], one)) for one in spaces)
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


def faults_of_dataset(
    stored: Stored,
    table: pa.Table,
    model_version: int | None,
    places: Mapping[str, Collection[tuple[int, int]]],
) -> Iterator[str]:
    """Compare all columns of the dataset, sorted by id, with the public files.

    Args:
        stored: What the files hold.
        table: All rows of the dataset.
        model_version: Of the model of the files.
        places: Id to the lines and offsets at which that record ever stood.
    """
    if table["id"].to_pylist() != [row["id"] for row in stored.rows]:
        yield "the dataset and the public files have other ids"
        return
    if not stored.rows:
        return
    if table.select(COLUMNS).to_pylist() != list(stored.rows):
        yield "the dataset and the public files have other values"
    if not np.array_equal(np.stack(table["vector"].to_numpy()), stored.vectors):
        yield "the dataset and the public files have other vectors"
    if not np.array_equal(np.column_stack([table["x"], table["y"]]), stored.points):
        yield "the dataset and the public files have other points"
    if versions := set(table["model_version"].to_pylist()) - {model_version}:
        yield f"rows of the dataset are of the models {versions}, the files of {model_version}"
    stands = zip(*(table[name].to_pylist() for name in ("id", "line", "byte_offset")), strict=True)
    if wrong := sum((line, offset) not in places.get(key, ()) for key, line, offset in stands):
        yield f"{wrong} rows name a line or an offset at which their record never stood"


def faults_of_version(rows: pa.Table) -> Iterator[str]:
    """Check what every version of the dataset shows: id, filename, source and model version."""
    if twice := len(rows) - len(set(rows["id"].to_pylist())):
        yield f"{twice} ids are there twice"
    if len(models := set(rows["model_version"].to_pylist())) > 1:
        yield f"coordinates of the models {sorted(models)} stand beside each other"
    names, numbers = (rows[name].to_pylist() for name in ("filename", "source_version"))
    pairs = set(zip(names, numbers, strict=True))
    mixed = [name for name, count in Counter(name for name, _ in pairs).items() if count > 1]
    if mixed:
        yield f"{sorted(mixed)[:3]} show rows of two contents at once"


def faults_of_kept_rows(
    rows: pa.Table, contents: Mapping[str, Sequence[Content]], spaces: Iterable[int]
) -> Iterator[str]:
    """Check rows of any age: each says what its source once said, with its text's vector."""
    wrong, found = 0, rows.select(COLUMNS).to_pylist()
    for row in found:
        every = contents.get(row["filename"], ())
        wrong += not any(one.rows.get(row["id"]) == row for one in every)
    if wrong:
        yield f"{wrong} rows say what their source never said"
    vectors = np.stack(rows["vector"].to_numpy()) if found else np.empty((0, 1), np.float32)
    yield from faults_of_vectors(Stored(found, vectors, vectors[:, :0]), spaces)


def faults_of_forgetting(
    stored: Stored, mean: np.ndarray, components: np.ndarray
) -> Iterator[str]:
    """Check that a model has nothing of marked texts of which no row is left.

    A mark gives its text's vector a coordinate that no other text has.
    """
    marked = np.zeros(MARKS, bool)
    if len(stored.rows):
        marked = np.any(stored.vectors[:, PLAIN:] != 0, axis=0)
    weights = np.abs(np.vstack([mean, components])[:, PLAIN:]).max(axis=0)
    if left := [mark for mark in range(MARKS) if not marked[mark] and weights[mark] > FORGOTTEN]:
        most = max(weights[mark] for mark in left)
        yield f"the model still has {most:.2g} of {len(left)} sources that were forgotten"


def movement(before: Stored, after: Stored) -> float:
    """Return the root mean square displacement of the points that both hold."""
    then = {row["id"]: point for row, point in zip(before.rows, before.points, strict=True)}
    moves = [
        after.points[at] - then[row["id"]]
        for at, row in enumerate(after.rows)
        if row["id"] in then
    ]
    return float(np.sqrt(np.mean(np.sum(np.square(moves, dtype=np.float64), axis=1))))
