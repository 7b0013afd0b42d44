"""The model of the moments is scikit-learn's PCA of the vectors, whatever they are like.

Held against the handlers: batches come in pieces, some leave again, then a model is fitted. The
tolerances are those of float64 for moments, and of float32 for the plane.
"""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA

from services.projection.domain.counted import Counted
from services.projection.domain.state import ModelVersion
from shared.usable_vectors import LONGEST
from tests.unit.projection.stage import NO_DRIFT, Stage, cloud

UNTURNED = replace(NO_DRIFT, align=False)


@dataclass(frozen=True)
class Shape:
    """What vectors are like; the numbers themselves come from the seed."""

    seed: int
    count: int = 30
    dimension: int = 6
    scale: float = 1.0
    offset: float = 0.0
    constant: int = 0
    """So many columns hold the same number in every row."""
    distinct: int | None = None
    """So many rows are different, the others repeat them."""
    is_unit: bool = False

    def vectors(self) -> np.ndarray:
        rng = np.random.default_rng(self.seed)
        turn, _ = np.linalg.qr(rng.normal(size=(self.dimension, self.dimension)))
        widths = self.scale * 0.7 ** np.arange(self.dimension)
        values = rng.normal(size=(self.count, self.dimension)) * widths @ turn.T
        if self.is_unit:
            values /= np.linalg.norm(values, axis=1, keepdims=True)
        if self.distinct:
            values = values[rng.integers(0, self.distinct, self.count) % self.count]
        values += self.offset * rng.normal(size=self.dimension)
        values[:, : self.constant] = self.offset + self.scale
        return values.astype(np.float32)


SHAPES = st.builds(
    Shape,
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 40),
    dimension=st.integers(1, 16),
    scale=st.sampled_from([1e-3, 1.0, 1e3]),
    offset=st.sampled_from([0.0, 1.0, 1e4]),
    constant=st.integers(0, 4),
    distinct=st.sampled_from([None, 1, 2, 5]),
    is_unit=st.booleans(),
)


def rounding(ever: np.ndarray) -> float:
    """What float64 leaves in the scatter when all of these were counted once.

    A mean is off by a share of its length, which is multiplied by the deviations from it; and
    what is subtracted leaves its last digits.
    """
    wide = ever.astype(np.float64)
    total = ((wide - wide.mean(axis=0)) ** 2).sum()
    far = np.abs(wide).max() * len(wide) ** 0.5
    return float(1e-14 * (total + far * total**0.5) + (1e-14 * far) ** 2)


def assert_scatter(
    moments: Counted | None, vectors: np.ndarray, *, floor: float, share: float = 1e-9
) -> None:
    """Compare with two passes over the vectors, to a share of all variance."""
    assert moments is not None
    wide = vectors.astype(np.float64)
    centred = wide - wide.mean(axis=0)
    room = share * (centred**2).sum() + floor
    assert moments.count == len(vectors)
    away = np.abs(moments.mean - wide.mean(axis=0)).max()
    assert away <= min(share, 1e-11) * max(1.0, np.abs(wide).max())
    assert np.linalg.norm(moments.scatter - centred.T @ centred) <= room


def assert_is_pca(model: ModelVersion, vectors: np.ndarray, *, floor: float) -> None:
    """Compare a model with scikit-learn's PCA of at least two vectors."""
    wide, (count, dimension) = vectors.astype(np.float64), vectors.shape
    axes = min(2, count, dimension)
    spectrum = np.linalg.svd(wide - wide.mean(axis=0), compute_uv=False)
    total = float((spectrum**2).sum())
    room = 1e-9 * total + floor
    with np.errstate(invalid="ignore"):  # its shares of no variance at all
        reference = PCA(n_components=axes, svd_solver="full").fit(wide)

    np.testing.assert_allclose(model.plane.mean, reference.mean_, rtol=1.2e-7, atol=1e-12)
    assert model.explained_variance is not None
    squares = np.array(model.explained_variance) * (count - 1)
    np.testing.assert_allclose(squares[:axes], reference.singular_values_**2, rtol=0, atol=room)
    assert not squares[axes:].any()
    ours = model.plane.components.astype(np.float64)[: min(2, dimension)]
    np.testing.assert_allclose(ours @ ours.T, np.eye(len(ours)), atol=1e-6)
    if total < 1e6 * floor:
        return  # identical vectors: what is left are roundings, which have no direction
    ratio = np.array(model.explained_variance_ratio)[:axes]
    np.testing.assert_allclose(ratio, reference.explained_variance_ratio_, atol=1e-7)
    places = model.plane.project(vectors).astype(np.float64)
    along = ((places - places.mean(axis=0)) ** 2).sum(axis=0)
    np.testing.assert_allclose(along, squares, rtol=1e-5, atol=1e-5 * squares.sum())
    following = spectrum[axes] if len(spectrum) > axes else 0.0
    if spectrum[axes - 1] - following > 0.05 * spectrum[0]:  # else another plane is as good
        angles = np.linalg.svd(ours @ reference.components_.T, compute_uv=False)
        np.testing.assert_allclose(angles[:axes], 1, atol=1e-6)


async def modelled(*parts: np.ndarray) -> tuple[Stage, ModelVersion]:
    stage = Stage(rules=UNTURNED)
    for number, part in enumerate(parts):
        await stage.project(cloud(number, part))
    return stage, await stage.refitted()


@settings(max_examples=150)
@given(shape=SHAPES, pieces=st.integers(1, 6))
@example(Shape(1, count=2, dimension=16), 2)  # fewer vectors than dimensions
@example(Shape(1, count=30, dimension=8, offset=1e4), 5)
@example(Shape(1, count=30, dimension=8, constant=4), 5)
@example(Shape(1, count=30, dimension=8, distinct=1), 5)
@example(Shape(1, count=30, dimension=8, distinct=1, offset=1e4), 5)
@example(Shape(1, count=9, dimension=1), 2)
@example(Shape(1, count=20, dimension=4, constant=4), 2)
async def test_a_model_is_scikit_learns_pca_of_all_vectors(shape: Shape, pieces: int) -> None:
    vectors = shape.vectors()

    stage, model = await modelled(*np.array_split(vectors, min(pieces, len(vectors))))

    floor = rounding(vectors)
    assert_scatter(stage.state.moments, vectors, floor=floor)
    if len(vectors) > 1:
        assert_is_pca(model, vectors, floor=floor)


@settings(max_examples=30)
@given(shape=SHAPES)
async def test_a_single_vector_is_the_origin_of_a_map_without_variance(shape: Shape) -> None:
    """scikit-learn divides by n - 1 = 0 here."""
    (vector,) = replace(shape, count=1).vectors()

    _, model = await modelled(vector[None])

    assert model.plane.mean.tolist() == vector.tolist()
    assert model.explained_variance == model.explained_variance_ratio == (0.0, 0.0)
    assert model.plane.project(vector[None]).tolist() == [[0.0, 0.0]]


@settings(max_examples=100)
@given(shape=SHAPES, pieces=st.integers(2, 8), data=st.data())
async def test_after_some_were_forgotten_it_is_that_of_those_that_stay(
    shape: Shape, pieces: int, data: st.DataObject
) -> None:
    parts = np.array_split(replace(shape, count=shape.count + pieces).vectors(), pieces)
    gone = data.draw(st.sets(st.integers(0, pieces - 1), max_size=pieces - 1))
    stage, _ = await modelled(*parts)

    await stage.retract(*(cloud(number, parts[number]) for number in gone), is_forgotten=True)
    model = await stage.refitted()

    left = np.vstack([part for number, part in enumerate(parts) if number not in gone])
    floor = rounding(np.vstack(parts))
    assert_scatter(stage.state.moments, left, floor=floor)
    if len(left) > 1:
        assert_is_pca(model, left, floor=floor)


@pytest.mark.parametrize("length", [1.0, 1e3, 1e6, 1e10, 1e18])
async def test_one_long_vector_among_unit_vectors_leaves_nothing_behind(length: float) -> None:
    """An embedding server that does not normalise, or is broken once; then that is forgotten."""
    kept = Shape(7, count=400, dimension=16, is_unit=True).vectors()
    bad = np.zeros((1, 16), np.float32)
    bad[0, 3] = length
    parts = np.array_split(kept, 4)
    stage, _ = await modelled(*parts[:2], bad, *parts[2:])

    if length <= LONGEST:  # else it was refused, and writing has nothing of it to retract
        await stage.retract(cloud(2, bad), is_forgotten=True)
    model = await stage.refitted()

    assert_scatter(stage.state.moments, kept, floor=0.0, share=1e-6)
    reference = PCA(n_components=2, svd_solver="full").fit(kept.astype(np.float64))
    angles = np.linalg.svd(model.plane.components @ reference.components_.T, compute_uv=False)
    np.testing.assert_allclose(angles, 1, atol=1e-6)
