"""The plan of pairs, and whether the oracle sees what it is for."""

from collections.abc import Callable
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.chaos import oracle
from tests.chaos.pairs import EVENTS, Matrix, draw
from tests.chaos.subjects import LIMITS, Subjects
from tests.chaos.vectors import vector


def test_four_hundred_pairs_are_all_that_there_are() -> None:
    drawn = {(pair.first, pair.second) for pair in draw(7, 400)}

    assert drawn == set(product(EVENTS, repeat=2))
    assert len(drawn) == 400


@given(st.integers(0, 99), st.integers(1, 900))
def test_a_seed_gives_the_same_pairs_and_none_twice_before_all_have_come(
    seed: int, pairs: int
) -> None:
    drawn = list(draw(seed, pairs))

    assert drawn == list(draw(seed, pairs))
    assert len(drawn) == pairs
    first = [pair.name for pair in drawn[:400]]
    assert len(set(first)) == len(first)


def test_the_matrix_names_the_pairs_that_did_not_come() -> None:
    matrix = Matrix()
    matrix.done["kill", "stop"] = 1
    matrix.late["stop", "kill"] = 1

    assert matrix.missing(["kill", "stop"]) == ["kill > kill", "stop > kill", "stop > stop"]


@pytest.fixture
def subjects(tmp_path_factory: pytest.TempPathFactory) -> Subjects:
    folder = tmp_path_factory.mktemp("runs")
    return Subjects({name: folder / name for name in ("default", "other")}, 1)


def test_a_source_has_one_long_line_one_bad_line_and_one_poisonous_text(
    subjects: Subjects,
) -> None:
    (narrow,), (wide,) = (subjects.begin("a").allowed(limit) for limit in LIMITS)

    assert (narrow.seen, narrow.dead, len(narrow.rows)) == (49, 3, 46)
    assert (wide.seen, wide.dead, len(wide.rows)) == (49, 2, 47)


def test_a_moved_source_is_gone_under_its_old_name_and_whole_under_the_new_one(
    subjects: Subjects,
) -> None:
    subject = subjects.begin("a")
    old = subject.name
    subjects.move(subject)

    assert not (subject.folder / old).exists()
    assert not subjects.all["default", old].is_there
    (content,) = subject.allowed(LIMITS[1])
    assert {row["filename"] for row in content.rows.values()} == {subject.name}
    assert not oracle.read_log(b"{}\n", "x", 10).is_complete


@pytest.fixture
def stored(subjects: Subjects) -> oracle.Stored:
    """A map as it must be."""
    rows = [
        row for _ in range(3) for row in subjects.begin("a").allowed(LIMITS[1])[0].rows.values()
    ]
    vectors = np.stack([vector(row["text"], 0) for row in rows])
    mean, axes = _plane(vectors)
    return oracle.Stored(rows, vectors, ((vectors - mean) @ axes[:2].T).astype(np.float32))


def _plane(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mean = vectors.astype(np.float64).mean(axis=0)
    return mean, np.linalg.svd(vectors - mean, full_matrices=False)[2]


def _ratio(vectors: np.ndarray) -> list[float]:
    sizes = np.linalg.svd(vectors - vectors.mean(axis=0), compute_uv=False) ** 2
    return list(sizes[:2] / sizes.sum())


def _allowed(stored: oracle.Stored) -> dict[str, list[oracle.Content]]:
    found = stored.by_source()
    return {name: [oracle.Content(rows, len(rows))] for name, rows in found.items()}


def _faults(stored: oracle.Stored, right: oracle.Stored) -> list[str]:
    """Return what the oracle says of a map, whose sources and model are those of another one."""
    mean, axes = _plane(right.vectors)
    return [
        *oracle.faults_of_rows(stored, _allowed(right)),
        *oracle.faults_of_vectors(stored, {0}),
        *oracle.faults_of_points(stored, mean, axes[:2]),
    ]


def _moments(vectors: np.ndarray) -> tuple[int, np.ndarray, np.ndarray]:
    wide = vectors.astype(np.float64)
    mean = wide.mean(axis=0)
    return len(vectors), mean, (wide - mean).T @ (wide - mean)


def test_a_right_map_has_no_faults(stored: oracle.Stored) -> None:
    _, axes = _plane(stored.vectors)

    assert _faults(stored, stored) == []
    assert [*oracle.faults_of_moments(stored, *_moments(stored.vectors))] == []
    assert [*oracle.faults_of_plane(stored, axes[:2], _ratio(stored.vectors))] == []


def _without_a_row(one: oracle.Stored) -> oracle.Stored:
    return oracle.Stored(one.rows[1:], one.vectors[1:], one.points[1:])


def _with_a_row_twice(one: oracle.Stored) -> oracle.Stored:
    rows, places = [*one.rows, one.rows[0]], [*range(len(one.rows)), 0]
    return oracle.Stored(rows, one.vectors[places], one.points[places])


def _with(column: str, value: object) -> Callable[[oracle.Stored], oracle.Stored]:
    return lambda one: replace(one, rows=[one.rows[0] | {column: value}, *one.rows[1:]])


def _with_vectors_of_other_rows(one: oracle.Stored) -> oracle.Stored:
    return replace(one, vectors=np.roll(one.vectors, 1, axis=0), points=np.roll(one.points, 1, 0))


def _with_normalised_vectors(one: oracle.Stored) -> oracle.Stored:
    return replace(one, vectors=one.vectors / np.linalg.norm(one.vectors, axis=1, keepdims=True))


def _with_a_mirrored_axis(one: oracle.Stored) -> oracle.Stored:
    return replace(one, points=one.points * np.array([1, -1], np.float32))


WRONG = {
    "row missing": _without_a_row,
    "row twice": _with_a_row_twice,
    "other text": _with("text", "something else"),
    "other time": _with("timestamp", None),
    "other number": _with("iteration", -1),
    "other place": _with("idx_in_iteration", 9),
    "other kind": _with("type", "thought"),
    "row of a stranger": _with("filename", "stranger.jsonl"),
    "vectors of other rows": _with_vectors_of_other_rows,
    "normalised vectors": _with_normalised_vectors,
    "an axis mirrored": _with_a_mirrored_axis,
}


@pytest.mark.parametrize("damage", WRONG.values(), ids=WRONG.keys())
def test_a_wrong_map_is_seen(
    damage: Callable[[oracle.Stored], oracle.Stored], stored: oracle.Stored
) -> None:
    assert _faults(damage(stored), stored)


def test_the_plane_of_least_variance_is_seen(stored: oracle.Stored) -> None:
    _, axes = _plane(stored.vectors)
    ratio = _ratio(stored.vectors)

    assert [*oracle.faults_of_plane(stored, axes[-2:], ratio)]
    assert [*oracle.faults_of_plane(stored, axes[[0, 2]], ratio)]
    assert [*oracle.faults_of_plane(stored, axes[:2], [ratio[0], 0.0])]


def test_a_turned_plane_is_the_same_plane(stored: oracle.Stored) -> None:
    _, axes = _plane(stored.vectors)
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])

    assert [*oracle.faults_of_plane(stored, turn @ axes[:2], _ratio(stored.vectors))] == []


def test_moments_of_other_vectors_are_seen(stored: oracle.Stored) -> None:
    others = np.stack([vector(row["text"], 1) for row in stored.rows])
    one = stored.vectors.copy()
    one[0] = others[0]

    assert [*oracle.faults_of_moments(stored, *_moments(others))]
    assert [*oracle.faults_of_moments(stored, *_moments(one))]
    assert [*oracle.faults_of_moments(stored, *_moments(stored.vectors[1:]))]


def test_movement_is_that_of_the_points_that_both_maps_have(stored: oracle.Stored) -> None:
    moved = replace(stored, points=stored.points + np.array([3, 4], np.float32))

    assert oracle.movement(stored, _without_a_row(moved)) == pytest.approx(5, rel=1e-5)


def test_a_source_that_was_forgotten_may_be_absent_or_whole_but_not_in_part(
    stored: oracle.Stored,
) -> None:
    allowed = {name: [oracle.Content(), *contents] for name, contents in _allowed(stored).items()}
    first = next(iter(allowed))
    rows = [row for row in stored.rows if row["filename"] != first]
    part = [row for row in stored.rows if row["filename"] == first][1:]

    assert [*oracle.faults_of_rows(replace(stored, rows=rows), allowed)] == []
    assert [*oracle.faults_of_rows(replace(stored, rows=rows + part), allowed)]
    assert [*oracle.faults_of_rows(replace(stored, rows=rows + part), allowed, whole=False)] == []
