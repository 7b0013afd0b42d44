"""Maps for the oracle: one as it must be, and others that are wrong in one way each."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from tests.chaos import oracle
from tests.chaos.subjects import LIMITS, Subjects
from tests.chaos.vectors import vector


def a_map(folder: Path) -> oracle.Stored:
    """Return a map as it must be."""
    subjects = Subjects({name: folder / name for name in ("default", "other")}, 1)
    rows = [
        row for _ in range(3) for row in subjects.begin("a").allowed(LIMITS[1])[0].rows.values()
    ]
    vectors = np.stack([vector(row["text"], 0) for row in rows])
    mean, axes = plane_of(vectors)
    return oracle.Stored(rows, vectors, ((vectors - mean) @ axes[:2].T).astype(np.float32))


def plane_of(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mean = vectors.astype(np.float64).mean(axis=0)
    return mean, np.linalg.svd(vectors - mean, full_matrices=False)[2]


def ratio_of(vectors: np.ndarray) -> list[float]:
    sizes = np.linalg.svd(vectors - vectors.mean(axis=0), compute_uv=False) ** 2
    return list(sizes[:2] / sizes.sum())


def allowed_of(stored: oracle.Stored) -> dict[str, list[oracle.Content]]:
    found = stored.by_source()
    return {name: [oracle.Content(rows, len(rows))] for name, rows in found.items()}


def without_a_row(one: oracle.Stored) -> oracle.Stored:
    return oracle.Stored(one.rows[1:], one.vectors[1:], one.points[1:])


def with_a_row_twice(one: oracle.Stored) -> oracle.Stored:
    rows, places = [*one.rows, one.rows[0]], [*range(len(one.rows)), 0]
    return oracle.Stored(rows, one.vectors[places], one.points[places])


def with_value(column: str, value: object) -> Callable[[oracle.Stored], oracle.Stored]:
    return lambda one: replace(one, rows=[one.rows[0] | {column: value}, *one.rows[1:]])


def with_vectors_of_other_rows(one: oracle.Stored) -> oracle.Stored:
    return replace(one, vectors=np.roll(one.vectors, 1, axis=0), points=np.roll(one.points, 1, 0))


def with_normalised_vectors(one: oracle.Stored) -> oracle.Stored:
    return replace(one, vectors=one.vectors / np.linalg.norm(one.vectors, axis=1, keepdims=True))


def with_a_mirrored_axis(one: oracle.Stored) -> oracle.Stored:
    return replace(one, points=one.points * np.array([1, -1], np.float32))
