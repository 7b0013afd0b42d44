"""The plan of pairs, and whether the oracle sees what it is for."""

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.chaos import oracle
from tests.chaos.pair_run import what_is_done
from tests.chaos.pairs import EVENTS, Matrix, draw
from tests.chaos.subjects import LIMITS, Subject, Subjects
from tests.chaos.vectors import vector
from tests.unit.chaos.maps import (
    a_map,
    allowed_of,
    plane_of,
    ratio_of,
    with_a_mirrored_axis,
    with_a_row_twice,
    with_normalised_vectors,
    with_value,
    with_vectors_of_other_rows,
    without_a_row,
)


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


AFTER_A_MOVE: dict[str, tuple[Callable[[Subjects, Subject], object], int]] = {
    "nothing": (lambda _all, _one: None, 0),
    "more": (lambda all_, one: one.append(all_.more(one.name)), 0),
    "another move": (lambda all_, one: all_.move(one), 0),
    "another file": (lambda all_, one: one.put(all_.text(one.name, 4, is_slow=False)), 1),
    "gone": (lambda _all, one: setattr(one, "is_there", False), 1),
}
"""What comes after, and whether the file may never have been seen under its new name."""


@pytest.mark.parametrize("what", AFTER_A_MOVE)
def test_what_was_moved_may_not_stay_under_its_old_name(subjects: Subjects, what: str) -> None:
    subject = subjects.begin("a")
    subject.put(subjects.text(subject.name, 5, is_slow=False))
    subject.append(subjects.more(subject.name))
    old = subject.name
    subjects.move(subject)
    then, unseen = AFTER_A_MOVE[what]
    then(subjects, subject)

    allowed = subjects.all["default", old].allowed(LIMITS[1])

    # Nothing, or what was in the file before, which did not move; else the rows would be double.
    assert {len(one.rows) for one in allowed} == {0, 46, 47, *((5, 7) if unseen else ())}


@pytest.fixture
def stored(tmp_path: Path) -> oracle.Stored:
    return a_map(tmp_path)


def _faults(stored: oracle.Stored, right: oracle.Stored) -> list[str]:
    """Return what the oracle says of a map, whose sources and model are those of another one."""
    mean, axes = plane_of(right.vectors)
    return [
        *oracle.faults_of_rows(stored, allowed_of(right)),
        *oracle.faults_of_vectors(stored, {0}),
        *oracle.faults_of_points(stored, mean, axes[:2]),
    ]


def _moments(vectors: np.ndarray) -> tuple[int, np.ndarray, np.ndarray]:
    wide = vectors.astype(np.float64)
    mean = wide.mean(axis=0)
    return len(vectors), mean, (wide - mean).T @ (wide - mean)


def test_a_right_map_has_no_faults(stored: oracle.Stored) -> None:
    _, axes = plane_of(stored.vectors)

    assert _faults(stored, stored) == []
    assert [*oracle.faults_of_moments(stored, *_moments(stored.vectors))] == []
    assert [*oracle.faults_of_plane(stored, axes[:2], ratio_of(stored.vectors))] == []


WRONG = {
    "row missing": without_a_row,
    "row twice": with_a_row_twice,
    "other text": with_value("text", "something else"),
    "other time": with_value("timestamp", None),
    "other number": with_value("iteration", -1),
    "other place": with_value("idx_in_iteration", 9),
    "other kind": with_value("type", "thought"),
    "row of a stranger": with_value("filename", "stranger.jsonl"),
    "vectors of other rows": with_vectors_of_other_rows,
    "normalised vectors": with_normalised_vectors,
    "an axis mirrored": with_a_mirrored_axis,
}


@pytest.mark.parametrize("damage", WRONG.values(), ids=WRONG.keys())
def test_a_wrong_map_is_seen(
    damage: Callable[[oracle.Stored], oracle.Stored], stored: oracle.Stored
) -> None:
    assert _faults(damage(stored), stored)


def test_the_plane_of_least_variance_is_seen(stored: oracle.Stored) -> None:
    _, axes = plane_of(stored.vectors)
    ratio = ratio_of(stored.vectors)

    assert [*oracle.faults_of_plane(stored, axes[-2:], ratio)]
    assert [*oracle.faults_of_plane(stored, axes[[0, 2]], ratio)]
    assert [*oracle.faults_of_plane(stored, axes[:2], [ratio[0], 0.0])]


def test_a_turned_plane_is_the_same_plane(stored: oracle.Stored) -> None:
    _, axes = plane_of(stored.vectors)
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])

    assert [*oracle.faults_of_plane(stored, turn @ axes[:2], ratio_of(stored.vectors))] == []


def test_moments_of_other_vectors_are_seen(stored: oracle.Stored) -> None:
    others = np.stack([vector(row["text"], 1) for row in stored.rows])
    one = stored.vectors.copy()
    one[0] = others[0]

    assert [*oracle.faults_of_moments(stored, *_moments(others))]
    assert [*oracle.faults_of_moments(stored, *_moments(one))]
    assert [*oracle.faults_of_moments(stored, *_moments(stored.vectors[1:]))]


def test_movement_is_that_of_the_points_that_both_maps_have(stored: oracle.Stored) -> None:
    moved = replace(stored, points=stored.points + np.array([3, 4], np.float32))

    assert oracle.movement(stored, without_a_row(moved)) == pytest.approx(5, rel=1e-5)


def test_a_source_that_was_forgotten_may_be_absent_or_whole_but_not_in_part(
    stored: oracle.Stored,
) -> None:
    whole = allowed_of(stored)
    allowed = {name: [oracle.Content(), *contents] for name, contents in whole.items()}
    first = next(iter(allowed))
    rows = [row for row in stored.rows if row["filename"] != first]
    part = [row for row in stored.rows if row["filename"] == first][1:]

    assert [*oracle.faults_of_rows(replace(stored, rows=rows), allowed)] == []
    assert [*oracle.faults_of_rows(replace(stored, rows=rows + part), allowed)]
    assert [*oracle.faults_of_rows(replace(stored, rows=rows + part), allowed, whole=False)] == []


@pytest.mark.parametrize("where", [["--json", "/somewhere/r.json"], ["--json=/somewhere/r.json"]])
def test_a_report_names_no_place_of_the_machine_that_made_it(where: list[str]) -> None:
    done = ["--seed", "7", "--pair", "kill > *", "--go-on"]

    assert what_is_done([*done[:2], *where, *done[2:]]) == "--seed 7 --pair 'kill > *' --go-on"
