import math
import random

import numpy as np
import pytest

from services.gateway.domain.runs import STOPS, Paths


def paths(*runs: list[tuple[float, float]]) -> Paths:
    steps = [place for run in runs for place in run]
    starts = np.cumsum([0, *(len(run) for run in runs)])[:-1]
    return Paths(
        np.array([x for x, _ in steps]), np.array([y for _, y in steps]), starts.astype(np.int64)
    )


def at(run: list[tuple[float, float]], progress: float) -> tuple[float, float]:
    """Walk along a run, step by step, as one reads the definition."""
    place = progress * (len(run) - 1)
    before = min(int(place), len(run) - 1)
    after = min(before + 1, len(run) - 1)
    share = place - before
    (x, y), (next_x, next_y) = run[before], run[after]
    return x + (next_x - x) * share, y + (next_y - y) * share


def median(values: list[float]) -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def test_a_run_is_as_far_from_the_usual_way_as_the_definition_says() -> None:
    dice = random.Random(5)  # noqa: S311
    runs = [
        [(dice.uniform(-3, 3), dice.uniform(-1, 1)) for _ in range(dice.choice([1, 2, 5, 12]))]
        for _ in range(7)
    ]

    found = paths(*runs).distances()

    stops = [number / (STOPS - 1) for number in range(STOPS)]
    usual = [
        tuple(median([at(run, one)[axis] for run in runs]) for axis in (0, 1)) for one in stops
    ]
    steps = [place for run in runs for place in run]
    middle = [sum(one[axis] for one in steps) / len(steps) for axis in (0, 1)]
    spread = sum((x - middle[0]) ** 2 + (y - middle[1]) ** 2 for x, y in steps) / len(steps)
    for run, distance in zip(runs, found, strict=True):
        squares = [math.dist(at(run, one), usual[n]) ** 2 for n, one in enumerate(stops)]
        assert distance == pytest.approx(math.sqrt(sum(squares) / STOPS) / (6 * math.sqrt(spread)))


def test_runs_that_go_the_same_way_in_more_or_fewer_steps_are_as_usual() -> None:
    way = paths(
        [(0, 0), (4, 0)], [(0, 0), (2, 0), (4, 0)], [(0, 0), (1, 0), (2, 0), (3, 0), (4, 0)]
    )

    assert way.distances().tolist() == [0, 0, 0]


def test_a_map_of_one_place_has_no_distances() -> None:
    assert paths([(1, 1)], [(1, 1), (1, 1)]).distances().tolist() == [0, 0]
    assert paths().distances().tolist() == []


def test_steps_inside_an_area_are_counted_for_each_run() -> None:
    some = paths([(0.5, 0.5), (2, 0.5)], [(0.1, 0.9)], [(3, 3), (-1, 0.5)])

    inside = some.steps_within(some.is_inside([(0, 0), (1, 0), (1, 1), (0, 1)]))

    assert inside.tolist() == [1, 1, 0]


def test_a_step_belongs_to_the_nearest_of_all_centres() -> None:
    some = paths([(0, 0), (9, 0)], [(6, 0)])
    centres = np.array([[0.0, 0.0], [10.0, 0.0], [20.0, 0.0], [7.0, 0.0]])

    found = some.is_nearest(centres, np.array([False, True, False, False]))

    assert found.tolist() == [False, True, False]
