"""The nearest of every vector, and what its score makes of the pair: against plain arithmetic."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.domain.matching import (
    STATES,
    Limits,
    Matched,
    NearestOf,
    digest_of,
    hash_of,
    states_of,
)

NUMBERS = st.sampled_from([-2.0, -1.0, 0.0, 0.5, 1.0, 3.0])
VECTORS = st.lists(st.lists(NUMBERS, min_size=3, max_size=3), min_size=1, max_size=7)


def vectors(rows: list[list[float]]) -> np.ndarray:
    return np.array(rows, np.float32).reshape(-1, 3)


def plain_cosine(one: list[float], other: list[float]) -> float:
    lengths = math.hypot(*one) * math.hypot(*other)
    return sum(a * b for a, b in zip(one, other, strict=True)) / lengths if lengths else 0.0


@given(VECTORS, VECTORS, st.integers(1, 7), st.data())
def test_the_nearest_is_the_one_that_a_plain_comparison_finds_however_it_is_cut(
    own: list[list[float]], others: list[list[float]], size: int, data: st.DataObject
) -> None:
    places = np.array(data.draw(st.permutations(range(len(others)))))
    nearest = NearestOf(vectors(own))
    for begin in range(0, len(others), size):
        part = slice(begin, begin + size)
        nearest.add(vectors(others[part]), places[part])

    for row, one in enumerate(own):
        cosines = [plain_cosine(one, other) for other in others]
        best = max(cosines)
        equal = [place for place, cos in zip(places, cosines, strict=True) if best - cos < 1e-9]
        assert nearest.cosines[row] == pytest.approx(best, abs=1e-12)
        assert nearest.places[row] == min(equal)


def test_what_has_no_direction_or_is_no_number_is_near_to_nothing() -> None:
    nearest = NearestOf(vectors([[0, 0, 0], [math.nan, 1, 1], [math.inf, 0, 0], [1, 0, 0]]))
    nearest.add(vectors([[-1, 0, 0]]), np.array([1]))
    nearest.add(vectors([]), np.array([], np.int64))
    nearest.add(vectors([[0, 0, 0]]), np.array([0]))

    assert nearest.cosines.tolist() == [0.0, 0.0, 0.0, 0.0]
    assert nearest.places.tolist() == [0, 0, 0, 0]


def test_a_score_at_a_limit_is_on_its_better_side() -> None:
    below = np.nextafter(0.9, 0), np.nextafter(0.7, 0)
    scores = np.array([1.0, 0.9, below[0], 0.7, below[1], -1.0])
    found = states_of(scores, Limits(0.9, 0.7))

    assert [STATES[one] for one in found] == [
        "linked", "linked", "review", "review", "unmatched", "unmatched",
    ]  # fmt: skip


def test_with_equal_limits_there_is_nothing_to_review() -> None:
    found = states_of(np.array([0.81, 0.8, 0.79]), Limits(0.8, 0.8))
    assert [STATES[one] for one in found] == ["linked", "linked", "unmatched"]


def matched(*ids: str) -> Matched:
    texts = np.zeros((len(ids), 32), np.uint8)
    names = np.array(ids, np.bytes_)
    return Matched(names, names, np.zeros(len(ids)), texts, texts, 1)


def test_a_record_is_found_where_it_stands_and_nowhere_else() -> None:
    found = matched("c", "a", "bb").place_of(["a", "b", "bb", "c", "d"])
    assert found.tolist() == [1, -1, 2, 0, -1]
    assert matched().place_of(["a"]).tolist() == [-1]
    assert matched("a").place_of([]).tolist() == []


def test_a_pair_of_texts_is_told_from_every_other() -> None:
    pairs = [("ab", "c"), ("a", "bc"), ("c", "ab"), ("", "abc")]
    assert len({hash_of(digest_of(one), digest_of(other)) for one, other in pairs}) == len(pairs)
