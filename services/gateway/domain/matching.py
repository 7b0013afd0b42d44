"""Which record of another collection is nearest to each, and what that makes of the two."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Vectors = npt.NDArray[np.float32]
Names = npt.NDArray[np.bytes_]
Numbers = npt.NDArray[np.int64]
State = Literal["linked", "review", "unmatched", "accepted", "rejected"]
STATES: tuple[State, ...] = ("linked", "review", "unmatched", "accepted", "rejected")
LINKED, REVIEW, UNMATCHED = range(3)
TIE = 1e-12
"""Cosines that differ by less are equal: what is left is how the machine added them up."""


class NearestOf:
    """Finds for each of some vectors the nearest of all that are shown to it, exactly.

    Of equally near ones it takes the one whose place in the order of names is first, so that
    nothing depends on how the files are cut, or in which order they are read.
    """

    def __init__(self, own: Vectors) -> None:
        self._own = _directions(own)
        self.cosines: Floats = np.full(len(own), -np.inf)
        """Of each the cosine to its nearest, from -1 to 1; 0 if one has no direction."""
        self.places: Numbers = np.full(len(own), -1, np.int64)
        """Of each the place of its nearest in the order of names; -1: none was shown."""

    def add(self, vectors: Vectors, places: Numbers) -> None:
        """Compare all with some more, whose places in the order of names are told."""
        if not len(vectors):
            return
        order = np.argsort(places)
        cosines = self._own @ _directions(vectors[order]).T
        np.clip(cosines, -1.0, 1.0, out=cosines)
        best = cosines.max(axis=1)
        first = (cosines >= best[:, np.newaxis] - TIE).argmax(axis=1)
        found = places[order][first]
        is_equal = np.abs(best - self.cosines) <= TIE
        is_better = np.where(is_equal, found < self.places, best > self.cosines)
        self.cosines = np.where(is_better, best, self.cosines)
        self.places = np.where(is_better, found, self.places)


@dataclass(frozen=True, slots=True)
class Limits:
    """From which score on a pair is linked, and from which on somebody is to look at it."""

    link: float
    review: float


@dataclass(frozen=True, slots=True)
class Matched:
    """The records of a collection, each with its nearest of another: the best pairs first."""

    ids: Names
    other_ids: Names
    scores: Floats
    texts: npt.NDArray[np.uint8]
    """Digests of the texts, 32 bytes a row."""
    other_texts: npt.NDArray[np.uint8]
    other_records: int
    """How many records the other collection has."""

    def __len__(self) -> int:
        """Tell how many records there are."""
        return len(self.ids)

    def texts_of(self, place: int) -> str:
        """Hash the two texts of a pair."""
        return hash_of(self.texts[place].tobytes(), self.other_texts[place].tobytes())

    def place_of(self, keys: Sequence[str]) -> Numbers:
        """Return where records stand; -1: nowhere."""
        wanted = np.array(keys, np.bytes_)
        if not len(self) or not len(keys):
            return np.full(len(keys), -1, np.int64)
        order = np.argsort(self.ids)
        near = np.searchsorted(self.ids, wanted, sorter=order).clip(max=len(self) - 1)
        places: Numbers = order[near]
        return np.where(self.ids[places] == wanted, places, -1)


def states_of(scores: Floats, limits: Limits) -> Numbers:
    """Say of scores which places of ``STATES`` they have, as long as nothing is decided."""
    below = np.where(scores >= limits.review, REVIEW, UNMATCHED)
    return np.where(scores >= limits.link, LINKED, below)


def digest_of(text: str) -> bytes:
    """Hash a text."""
    return sha256(text.encode()).digest()


def hash_of(text: bytes, other_text: bytes) -> str:
    """Hash the digests of two texts."""
    return sha256(text + other_text).hexdigest()


def _directions(vectors: Vectors) -> Floats:
    """Give each vector the length 1; what has none, or is no number, has no direction: zeros."""
    wide = vectors.astype(np.float64)
    lengths = np.sqrt(np.einsum("ij,ij->i", wide, wide))
    is_known = np.isfinite(lengths) & (lengths > 0)
    wide[~is_known] = 0.0
    wide[is_known] /= lengths[is_known, np.newaxis]
    return wide
