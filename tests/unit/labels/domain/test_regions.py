import numpy as np
import pytest

from services.labels.domain.regions import (
    Before,
    count_for,
    first_centres,
    joined,
    known_again,
    neighbours,
)


def before(region: int, ids: str, share: float = 0.5) -> Before:
    return Before(region, (f"word{region}",), frozenset(ids), share)


@pytest.mark.parametrize(
    ("points", "count"), [(1, 2), (100, 4), (300, 7), (3000, 14), (50_000, 22)]
)
def test_a_larger_map_has_more_parts(points: int, count: int) -> None:
    assert count_for(points) == count


def test_parts_begin_where_the_old_regions_members_are_now() -> None:
    points = np.array([[0.0, 0.0], [2.0, 0.0], [10.0, 10.0], [10.0, 12.0], [50.0, 0.0]])

    centres = first_centres(points, "abcde", [before(7, "ab"), before(9, "cdz")], 3)

    assert centres[:2].tolist() == [[1.0, 0.0], [10.0, 11.0]]
    assert centres[2].tolist() in points.tolist()


def test_a_map_of_one_place_has_one_part() -> None:
    assert len(first_centres(np.zeros((60, 2)), "a" * 60, [], 5)) == 1


def test_parts_that_touch_and_say_the_same_are_one_region() -> None:
    points = np.array([[0.0, 0.0], [0.9, 0.0], [1.1, 0.0], [2.0, 0.0], [3.0, 0.0], [4.0, 0.0]])
    centres = np.array([[0.0, 0.0], [2.0, 0.0], [4.0, 0.0]])
    touch = neighbours(points, centres)
    likeness = np.array([[1.0, 0.9, 0.9], [0.9, 1.0, 0.1], [0.9, 0.1, 1.0]])

    assert touch.tolist() == [[False, True, False], [True, False, True], [False, True, False]]
    assert joined(touch, likeness).tolist() == [0, 0, 1]


def test_a_region_is_known_again_by_its_points_wherever_they_are() -> None:
    labels = np.array([1, 1, 1, 0, 0, 0])

    found = known_again(labels, "abcdef", [before(7, "abc"), before(9, "def")])

    assert {label: one.region for label, one in found.items()} == {1: 7, 0: 9}


def test_half_of_the_points_are_not_enough() -> None:
    assert known_again(np.array([0, 0, 1, 1]), "abcd", [before(7, "abcd")]) == {}


def test_of_two_that_were_joined_the_larger_one_lives_on() -> None:
    old = [before(7, "ab", share=0.7), before(9, "cd", share=0.3)]

    found = known_again(np.array([0, 0, 0, 0]), "abcd", old)

    assert found[0].region == 7
