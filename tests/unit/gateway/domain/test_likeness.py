"""Neighbours, compared with every pair by hand."""

import math
from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.domain.likeness import Nearest

NUMBERS = st.integers(-4, 4)


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    lengths = math.dist(one, [0] * len(one)) * math.dist(other, [0] * len(other))
    return sum(a * b for a, b in zip(one, other, strict=True)) / lengths if lengths else -1.0


@given(
    vectors=st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), min_size=1, max_size=30),
    most=st.integers(1, 8),
    piece=st.integers(1, 10),
)
def test_the_nearest_are_those_that_a_plain_comparison_finds(
    vectors: list[tuple[int, int, int]], most: int, piece: int
) -> None:
    own = vectors[0]
    best = Nearest(np.array(own, np.float32), most)
    for start in range(0, len(vectors), piece):
        some = vectors[start : start + piece]
        best.add(
            np.array(some, np.float32),
            lambda rows, start=start: [f"{start + row:03}" for row in rows],
        )
    found = best.found()

    plain = sorted((cosine(own, one) for one in vectors), reverse=True)[:most]
    assert np.allclose([one for one, _ in found], plain, atol=1e-6)
    for similarity, name in found:
        assert abs(similarity - cosine(own, vectors[int(name)])) < 1e-6


def test_what_has_no_direction_is_near_to_nothing() -> None:
    best = Nearest(np.array([1, 0], np.float32), 3)
    best.add(
        np.array([[0, 0], [np.nan, 1], [2, 0.5]], np.float32),
        lambda rows: ["znb"[row] for row in rows],
    )

    assert best.found()[0][1] == "b"
    assert [one[0] for one in best.found()[1:]] == [-1.0, -1.0]
