from collections.abc import Iterator

import numpy as np
import pytest

from services.cli.domain.kept import KeptMoments, Rows, id_hashes, part_sums, repeated
from services.cli.domain.second_look import (
    largest_variances,
    moments_off,
    points_off,
    two_pass,
)

VECTORS = np.random.default_rng(1).normal(size=(300, 6)).astype(np.float32) + np.float32(3)


def pieces() -> Iterator[np.ndarray]:
    yield from (VECTORS[:7], VECTORS[7:200], VECTORS[200:])


def right() -> KeptMoments:
    found = two_pass(pieces)
    assert found is not None
    return found


def test_two_passes_give_mean_and_scatter() -> None:
    wide = VECTORS.astype(np.float64)

    np.testing.assert_allclose(right().mean, wide.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(right().scatter, np.cov(wide.T) * 299, rtol=1e-10, atol=1e-9)
    assert two_pass(lambda: iter(())) is None


@pytest.mark.parametrize(("share", "is_off"), [(0.0, False), (1e-10, False), (1e-8, True)])
def test_the_scatter_is_measured_by_its_trace(share: float, is_off: bool) -> None:
    scatter = right().scatter.copy()
    scatter[0, 0] += share * np.trace(scatter)

    off = moments_off(KeptMoments(300, right().mean, scatter), right())

    assert (off is not None) == is_off


def test_another_count_mean_or_dimension_is_named() -> None:
    kept = right()

    assert moments_off(KeptMoments(299, kept.mean, kept.scatter), kept) == "299 vectors"
    assert "mean" in (moments_off(KeptMoments(300, kept.mean + 1e-6, kept.scatter), kept) or "")
    other = KeptMoments(300, np.zeros(5), np.zeros((5, 5)))
    assert moments_off(other, kept) == "dimension 5"


def test_the_largest_variances_are_those_of_numpy() -> None:
    wanted = np.linalg.eigvalsh(np.cov(VECTORS.astype(np.float64).T))[::-1][:2]

    np.testing.assert_allclose(largest_variances(right()), wanted, rtol=1e-10)


def test_points_elsewhere_are_counted() -> None:
    wanted = np.array([[1, 2], [3, 4], [5, 6]], dtype=np.float32)
    found = wanted.copy()
    found[1, 0] += 0.01
    found[2, 1] = np.nan

    assert points_off(wanted, wanted) == 0
    assert points_off(found, wanted) == 2


def rows(order: list[int], text: str = "text") -> Rows:
    return Rows(
        ids=[f"id-{one}" for one in order],
        filenames=["a" if one < 3 else "b" for one in order],
        texts=[f"{text} {one}" for one in order],
        others=[(one, None) for one in order],
        vectors=VECTORS[order],
        points=VECTORS[order, :2],
    )


def test_sums_know_no_order_but_every_part() -> None:
    first = part_sums(rows([0, 1, 2, 3]), has_vectors=True)
    turned = part_sums(rows([3, 1, 0, 2]), has_vectors=True)
    changed = part_sums(rows([0, 1, 2, 3], "other"), has_vectors=True)

    assert first == turned
    assert changed["a"].parts[0] != first["a"].parts[0]
    assert changed["a"].parts[1:] == first["a"].parts[1:]


def test_vectors_of_two_rows_that_changed_places_are_seen() -> None:
    swapped = rows([0, 1])
    swapped.vectors[:] = swapped.vectors[::-1].copy()  # type: ignore[index]

    sums = [part_sums(one, has_vectors=True)["a"].parts for one in (swapped, rows([0, 1]))]

    assert sums[0][1] != sums[1][1]


@pytest.mark.parametrize("most", [1, 2, 100])
def test_repeated_hashes_are_found_in_pieces(most: int) -> None:
    hashes = id_hashes(["a", "b", "c", "a", "d", "c"])

    assert set(repeated(hashes, most)) == {int(hashes[0]), int(hashes[2])}
