"""Regions of the plane: how many, where they begin, which are one, and which they were before."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
FEWEST_RECORDS = 50
"""Smaller maps are read, not labelled."""
FEWEST, MOST = 2, 24
POINTS_OF_PART = 15
"""On average at least."""
SAME = 0.85
"""Neighbours that are so alike in what they say are one region."""
LEAST_SHARE, LEAST_POINTS = 0.005, 5
MEMBERS = 40
"""So many points of each region are told, by which it is known again: a share of them has a
standard error of 8 %."""
MEMBER_LENGTH = 12
"""Characters of an id that are told."""


@dataclass(frozen=True, slots=True)
class Before:
    """A region as it was told last."""

    region: int
    words: tuple[str, ...]
    members: frozenset[str]
    share: float
    """Of the records of the map."""


def count_for(points: int) -> int:
    """Return into how many parts a map is cut at first: few of a small one."""
    by_size = round(2 * math.log2(max(points, 1) / 25))
    return max(FEWEST, min(MOST, by_size, points // POINTS_OF_PART))


def first_centres(
    points: Points, ids: Sequence[str], before: Sequence[Before], count: int
) -> Points:
    """Say where the parts begin: where the old regions' members are now, then where none is.

    So what stays together stays one part, wherever a refit has put it. Further ones are drawn as
    by k-means++ (Arthur and Vassilvitskii 2007), always alike.

    Args:
        points: n x 2, units of the map.
        ids: Their ids, as far as they are told.
        before: The old regions.
        count: How many parts there are to be.

    Returns:
        count x 2; fewer where there are not so many different points.
    """
    place = {one: row for row, one in enumerate(ids)}
    kept = [[place[one] for one in old.members if one in place] for old in before]
    centres = [points[rows].mean(axis=0) for rows in kept if rows][:count]
    rng = np.random.default_rng(0)
    if not centres:
        centres.append(points[rng.integers(len(points))])
    distance = np.min([((points - one) ** 2).sum(axis=1) for one in centres], axis=0)
    while len(centres) < count and distance.sum() > 0:
        chosen = points[rng.choice(len(points), p=distance / distance.sum())]
        centres.append(chosen)
        distance = np.minimum(distance, ((points - chosen) ** 2).sum(axis=1))
    return np.array(centres)


def neighbours(points: Points, centres: Points) -> NDArray[np.bool_]:
    """Tell which parts touch: some point has these two centres nearest."""
    count = len(centres)
    touch = np.zeros((count, count), bool)
    if count > 1:
        squares = ((points[:, None, :] - centres[None, :, :]) ** 2).sum(axis=2)
        nearest = np.argpartition(squares, 1, axis=1)[:, :2]
        touch[nearest[:, 0], nearest[:, 1]] = True
    return touch | touch.T


def joined(touch: NDArray[np.bool_], likeness: NDArray[np.float64]) -> NDArray[np.int64]:
    """Join parts that touch and say the same; returns the number of each part's region."""
    label = np.arange(len(touch))
    for one, other in np.argwhere(np.triu(touch & (likeness >= SAME), 1)):
        label[label == label[other]] = label[one]
    return np.unique(label, return_inverse=True)[1]


def known_again(
    labels: NDArray[np.int64], ids: Sequence[str], before: Sequence[Before]
) -> Mapping[int, Before]:
    """Say which of the old regions each new one is: by the points that they share, not by place.

    It is the old one if more than half of that went here, and more than half of what came here is
    of that. Members stand for as many records as their region had.

    Args:
        labels: The new region of each point.
        ids: The points' ids, as far as they are told.
        before: The old regions.
    """
    place = {one: int(label) for one, label in zip(ids, labels, strict=True)}
    count = int(labels.max(initial=-1)) + 1
    flow = np.zeros((len(before), count))
    for row, old in enumerate(before):
        present = [place[one] for one in old.members if one in place]
        for label in present:
            flow[row, label] += old.share / len(present)
    came, went = flow.sum(axis=0), flow.sum(axis=1)
    return {
        label: before[row]
        for row, label in np.argwhere(flow > 0)
        if flow[row, label] * 2 > max(came[label], went[row])
    }
