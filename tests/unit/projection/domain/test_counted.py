"""What is counted is the same however much of it is folded into a square."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.projection.domain import counted
from services.projection.domain.counted import Counted, Recount, recount
from services.projection.domain.fitting import fit
from services.projection.domain.moments import Moments, Statistics

D = 7
SHARE = 1e-12


def some(seed: int, count: int = 1, d: int = D) -> np.ndarray:
    return np.random.default_rng(seed).normal(3, 1, size=(count, d)).astype(np.float32)


def two_pass(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    wide = vectors.astype(np.float64)
    mean = wide.mean(axis=0)
    return mean, (wide - mean).T @ (wide - mean)


def assert_is(held: Counted | Statistics, vectors: np.ndarray) -> None:
    assert held.count == len(vectors)
    if not len(vectors):
        return
    mean, scatter = two_pass(vectors)
    if isinstance(held, Counted):
        found, trace = held.scatter, float(np.trace(held.scatter))
    else:
        found, trace = held.times(np.eye(held.dimension)), held.trace
    size = SHARE * (vectors.astype(np.float64) ** 2).sum()
    np.testing.assert_allclose(held.mean, mean, rtol=0, atol=SHARE * np.abs(mean).max())
    assert np.linalg.norm(found - scatter) <= size
    assert abs(trace - np.trace(scatter)) <= size


@dataclass
class Rows:
    """A plain second opinion: all vectors of every batch that is in."""

    there: dict[str, np.ndarray] = field(default_factory=dict)
    now: Counted = field(default_factory=lambda: Counted(D))
    stored: dict[tuple[str, bool], np.ndarray] = field(default_factory=dict)
    """As a store has them, that only hears of steps."""

    def step(
        self,
        into: Mapping[str, np.ndarray] | None = None,
        out: Mapping[str, np.ndarray] | None = None,
    ) -> Recount:
        step = recount(self.now, into=into, out=out)
        self.now = step.counted
        if step.is_folded:
            self.stored.clear()
        for key in step.dropped:
            del self.stored[key]
        self.stored |= {one.key: one.vectors for one in step.entered}
        for batch_id in out or {}:
            del self.there[batch_id]
        self.there |= into or {}
        return step

    @property
    def vectors(self) -> np.ndarray:
        return np.vstack([np.empty((0, D), np.float32), *self.there.values()])


@given(data=st.data())
def test_batches_come_and_go_and_it_is_that_of_those_that_are_there(data: st.DataObject) -> None:
    rows, numbers = Rows(), iter(range(1000))
    for _ in range(data.draw(st.integers(1, 12))):
        gone = data.draw(st.sets(st.sampled_from(sorted(rows.there)))) if rows.there else set()
        sizes = data.draw(st.lists(st.integers(1, 2 * D), max_size=3))
        new = {f"b{n}": some(n, size) for size, n in zip(sizes, numbers, strict=False)}

        rows.step(into=new, out={key: rows.there[key] for key in gone})

        assert_is(rows.now, rows.vectors)
        assert_is(rows.now.spread(), rows.vectors)
        assert_is(rows.now.statistics(), rows.vectors)
        assert rows.now.loose < D
        assert rows.stored.keys() == rows.now.changes.keys()


def test_few_vectors_have_no_square_and_as_many_as_rows_are_folded() -> None:
    rows = Rows()
    rows.step({"a": some(1, D - 1)})
    assert rows.now.square is None

    step = rows.step({"b": some(2)})

    assert step.is_folded
    assert not rows.now.changes
    assert rows.now.square is not None


def test_one_more_vector_is_one_change_and_the_square_is_as_it_was() -> None:
    rows = Rows()
    rows.step({"a": some(1, 3 * D)})
    square = rows.now.square

    step = rows.step({"b": some(2)})

    assert [one.key for one in step.entered] == [("b", True)]
    assert not step.is_folded
    assert rows.now.square is square


def test_what_leaves_before_it_was_folded_leaves_no_trace() -> None:
    rows = Rows()
    rows.step({"a": some(1, 2), "b": some(2, 2)})

    step = rows.step(out={"a": some(1, 2)})

    assert (step.dropped, step.entered) == ([("a", True)], [])
    assert rows.now.loose == 2


def test_when_all_have_left_nothing_is_left_of_them() -> None:
    rows = Rows()
    rows.step({"a": some(1, 3 * D) * 1e6})

    step = rows.step(out={"a": some(1, 3 * D) * 1e6})

    assert step.is_folded
    assert (rows.now.count, rows.now.square, len(rows.now.changes)) == (0, None, 0)
    assert not rows.now.mean.any()


def test_what_is_swapped_is_as_if_the_other_one_had_come() -> None:
    rows = Rows()
    rows.step({"a": some(1, 2 * D)})
    rows.step({"a": some(5, 2)}, out={"a": some(1, 2 * D)})
    assert_is(rows.now, some(5, 2))

    rows.step(out={"a": some(5, 2)})

    assert rows.now.count == 0


@pytest.mark.parametrize(
    ("into", "out", "said"),
    [
        ({}, {"never": some(1, 9)}, "are -5 vectors"),
        ({"a": some(1)}, {}, "counted already"),
        ({"b": some(1, d=3)}, {}, "dimensions 7 and 3"),
        ({}, {"b": some(1, d=3)}, "dimensions 7 and 3"),
    ],
)
def test_what_cannot_be_is_refused(
    into: dict[str, np.ndarray], out: dict[str, np.ndarray], said: str
) -> None:
    rows = Rows()
    rows.step({"a": some(0, 4)})

    with pytest.raises(ValueError, match=said):
        recount(rows.now, into=into, out=out)


def test_nothing_leaves_twice() -> None:
    rows = Rows()
    rows.step({"a": some(1, 3 * D)})
    rows.step(out={"a": some(1, 2)})
    with pytest.raises(ValueError, match="has left before"):
        recount(rows.now, out={"a": some(1, 2)})


def test_a_message_does_not_stay_because_of_its_vectors() -> None:
    message = some(1, D)

    step = recount(Counted(D), into={"a": message[:2]})

    assert not np.shares_memory(step.entered[0].vectors, message)


@pytest.mark.parametrize("loose", [0, 3, 30, 90])
def test_the_fit_is_the_same_however_much_is_folded(loose: int) -> None:
    d = 100
    vectors = some(1, 3 * d, d) * np.linspace(3, 0.1, d, dtype=np.float32)
    step = recount(Counted(d), into={"first": vectors[: 3 * d - loose]})
    for n in range(3 * d - loose, 3 * d):
        step = recount(step.counted, into={f"b{n}": vectors[n : n + 1]})
    right = fit(Moments.of(vectors))

    found = fit(step.counted.statistics())

    assert step.counted.loose == loose
    assert isinstance(step.counted.statistics(), Moments) == (loose > counted.MULTIPLIED_UP_TO * d)
    np.testing.assert_allclose(found.plane.components, right.plane.components, atol=1e-5)
    np.testing.assert_allclose(
        found.explained_variance_ratio, right.explained_variance_ratio, rtol=1e-9
    )
