"""The oracle of the dataset sees what was changed in it, in any version."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import lance
import numpy as np
import pyarrow as pa
import pytest

from tests.chaos import inside, oracle
from tests.chaos.vectors import DIMENSION, PLAIN, vector
from tests.unit.chaos.maps import (
    a_map,
    allowed_of,
    plane_of,
    with_a_mirrored_axis,
    with_a_row_twice,
    with_value,
    with_vectors_of_other_rows,
    without_a_row,
)


@pytest.fixture
def stored(tmp_path: Path) -> oracle.Stored:
    return a_map(tmp_path / "runs")


def _table(stored: oracle.Stored, model_version: int = 3) -> pa.Table:
    """Return a dataset with these rows, each from line 1 of its source's first version."""
    columns = {name: [row[name] for row in stored.rows] for name in oracle.COLUMNS}
    size = len(stored.rows)
    return pa.table(
        columns
        | {
            "vector": pa.FixedSizeListArray.from_arrays(
                pa.array(stored.vectors.ravel()), DIMENSION
            ),
            "x": stored.points[:, 0],
            "y": stored.points[:, 1],
            "line": [1] * size,
            "byte_offset": [0] * size,
            "source_version": [1] * size,
            "model_version": [model_version] * size,
        }
    )


@pytest.fixture
def ordered(stored: oracle.Stored) -> oracle.Stored:
    """The same map in the order of the ids, as the files are read."""
    order = sorted(range(len(stored.rows)), key=lambda at: stored.rows[at]["id"])
    rows = [stored.rows[at] for at in order]
    return oracle.Stored(rows, stored.vectors[order], stored.points[order])


def _write(table: pa.Table, output: Path) -> None:
    lance.write_dataset(table, str(output / "default" / "store.lance"), mode="overwrite")


def _of_dataset(ordered: oracle.Stored, output: Path) -> list[str]:
    places = {row["id"]: {(1, 0)} for row in ordered.rows}
    return [*oracle.faults_of_dataset(ordered, inside.table(output, "default"), 3, places)]


def test_the_dataset_is_what_the_files_are(ordered: oracle.Stored, tmp_path: Path) -> None:
    (tmp_path / "default").mkdir()
    _write(_table(ordered), tmp_path)

    assert _of_dataset(ordered, tmp_path) == []


def _with_two_vectors_swapped(one: oracle.Stored) -> pa.Table:
    vectors = one.vectors.copy()
    vectors[[0, 1]] = vectors[[1, 0]]
    return _table(replace(one, vectors=vectors))


def _with_another_line(one: oracle.Stored) -> pa.Table:
    table = _table(one)
    return table.set_column(
        table.schema.get_field_index("line"), "line", pa.array([2] + [1] * (len(table) - 1))
    )


DAMAGES = {
    "two vectors swapped": _with_two_vectors_swapped,
    "another line": _with_another_line,
    "a row missing": lambda one: _table(without_a_row(one)),
    "a row twice": lambda one: _table(with_a_row_twice(one)),
    "another text": lambda one: _table(with_value("text", "something else")(one)),
    "points of another model": lambda one: _table(with_a_mirrored_axis(one)),
    "another model": lambda one: _table(one, 2),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_dataset_that_was_changed_by_hand_is_seen(
    damage: Callable[[oracle.Stored], pa.Table], ordered: oracle.Stored, tmp_path: Path
) -> None:
    (tmp_path / "default").mkdir()
    _write(damage(ordered), tmp_path)

    assert _of_dataset(ordered, tmp_path)


def test_every_version_is_opened_and_each_new_row_looked_at_once(
    ordered: oracle.Stored, tmp_path: Path
) -> None:
    (tmp_path / "default").mkdir()
    path = str(tmp_path / "default" / "store.lance")
    lance.write_dataset(_table(ordered).slice(0, 40), path)
    lance.write_dataset(_table(ordered).slice(40), path, mode="append")
    lance.dataset(path).delete(f"id = '{ordered.rows[0]['id']}'")

    found = list(inside.every_version(tmp_path, "default"))

    size = len(ordered.rows)
    assert [len(one.rows) for one in found] == [40, size, size - 1]
    assert [len(one.new) if one.new else 0 for one in found] == [40, size - 40, 0]
    assert inside.version_numbers(tmp_path, "default") == {1, 2, 3}


def test_a_version_with_a_row_twice_two_models_or_two_contents_is_seen(
    ordered: oracle.Stored,
) -> None:
    table = _table(ordered)
    first = table.slice(0, 1)

    def with_first(**values: int) -> pa.Table:
        changed = first
        for name, value in values.items():
            place = first.schema.get_field_index(name)
            changed = changed.set_column(place, name, pa.array([value]))
        return pa.concat_tables([changed, table.slice(1)])

    assert [*oracle.faults_of_version(table)] == []
    assert [*oracle.faults_of_version(pa.concat_tables([table, first]))]
    assert [*oracle.faults_of_version(with_first(model_version=9))]
    assert [*oracle.faults_of_version(with_first(source_version=9))]


def test_a_row_of_a_version_that_says_what_its_source_never_said_is_seen(
    ordered: oracle.Stored,
) -> None:
    contents = allowed_of(ordered)

    assert [*oracle.faults_of_kept_rows(_table(ordered), contents, {0})] == []
    for damage in (with_value("iteration", -1), with_vectors_of_other_rows):
        assert [*oracle.faults_of_kept_rows(_table(damage(ordered)), contents, {0})]


def test_a_model_that_knows_what_was_forgotten_is_seen(stored: oracle.Stored) -> None:
    mean, axes = plane_of(stored.vectors)
    knows = axes[:2].copy()
    knows[1, PLAIN + 3] = 0.01
    marked = replace(stored, vectors=stored.vectors.copy())
    marked.vectors[0, PLAIN + 3] = 2.0

    assert [*oracle.faults_of_forgetting(stored, mean, axes[:2])] == []
    assert [*oracle.faults_of_forgetting(stored, mean, knows)]
    assert [*oracle.faults_of_forgetting(marked, mean, knows)] == []


def test_a_mark_is_a_direction_of_its_own() -> None:
    plain, marked = vector("agent 7", 0), vector("agent MARKED-2 7", 0)

    assert not plain[PLAIN:].any()
    assert list(np.flatnonzero(marked[PLAIN:])) == [2]
