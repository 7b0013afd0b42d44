"""Which words tell a region from the others: class-based TF-IDF, as of texts with many topics.

After Grootendorst, "BERTopic: Neural topic modeling with a class-based TF-IDF procedure" (2022):
the texts of a region are taken together, and a word weighs what it is used there times the
logarithm of how rare it is in all regions. Used is: in which share of the texts, so that one text
that repeats a word does not name a region.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.labels.domain.wording import is_form_of, script_of

Shares = NDArray[np.float64]
MOST_WORDS = 3
CANDIDATES = 12
COMMON = 0.1
"""A word in so many of the texts of a region is in common use there."""
REGIONS_TO_COMPARE = 3
SHORT, COMMON_SHORT = 4, 0.2
"""Words of so few letters that a region has in so many of its texts say little."""
SHORT_WORTH = 0.5
LEAST_SHARE, LEAST_TEXTS = 0.02, 3
LEAST_LIFT = 1.5
"""Who names a region is used there so much more than in the regions on average."""
OF_SCRIPT = 0.25
CHANCE = 2.0


@dataclass(frozen=True, slots=True)
class Wordings:
    """In which share of its texts each region uses each word."""

    words: Sequence[str]
    shares: Shares
    """Regions x words, from 0 to 1."""
    texts: NDArray[np.int64]
    """How many texts each region has."""

    def weights(self) -> Shares:
        """Return what each word weighs for each region; 0: it does not tell it from the others."""
        total = self.shares.sum(axis=0)
        count = len(self.shares)
        with np.errstate(divide="ignore"):
            rarity = np.where(total > 0, np.log1p(count / total), 0.0)
        worth = np.array([SHORT_WORTH if len(one) <= SHORT else 1.0 for one in self.words])
        return np.where(self._is_stop(), 0.0, self.shares * rarity * worth)

    def telling(self) -> list[list[str]]:
        """List the words that tell each region from the others, the best first."""
        weights = self.weights()
        average = self.shares.mean(axis=0)
        least = np.maximum(LEAST_SHARE, LEAST_TEXTS / np.maximum(self.texts, 1))[:, None]
        is_telling = (self.shares >= least) & (self.shares >= LEAST_LIFT * average)
        weights = np.where(is_telling, weights, 0.0)
        return [self._best(row) for row in weights]

    def likeness(self) -> Shares:
        """Return how alike regions are in what they say, regions x regions; 1: nothing differs.

        What differs in the shares of all words, as a part of what they use. Differences that
        chance makes do not count: of two standard errors, since texts are a sample.
        """
        noise = self.shares * (1 - self.shares) / np.maximum(self.texts, 1)[:, None]
        rows = []
        for share, own in zip(self.shares, noise, strict=True):
            differs = np.abs(self.shares - share) - CHANCE * np.sqrt(noise + own)
            used = np.maximum(self.shares, share).sum(axis=1)
            rows.append(1 - np.maximum(differs, 0).sum(axis=1) / np.maximum(used, 1e-9))
        return np.array(rows)

    def _best(self, weights: NDArray[np.float64]) -> list[str]:
        found: list[str] = []
        for place in np.argsort(-weights, kind="stable"):
            word = self.words[place]
            if weights[place] <= 0 or len(found) == CANDIDATES:
                break
            if not any(is_form_of(word, other) for other in found):
                found.append(word)
        return found

    def _is_stop(self) -> NDArray[np.bool_]:
        """Tell which words are everywhere where their script is written: they mean nothing.

        No list of words: what half of the regions of a script have in common use tells none of
        them. Short words that one has in common use need only be met in half of them, or, where a
        script has too few regions to compare, in none.
        """
        scripts = np.array([script_of(word) for word in self.words])
        is_stop = np.zeros(len(self.words), bool)
        everything = self.shares.sum(axis=1)
        for script in np.unique(scripts):
            of_script = scripts == script
            mine = self.shares[:, of_script]
            writes = mine.sum(axis=1) >= OF_SCRIPT * np.maximum(everything, 1e-9)
            used = mine[writes]
            if not len(used):
                continue
            lengths = np.array([len(word) for word in np.array(self.words)[of_script]])
            is_short = (lengths <= SHORT) & (used.max(axis=0) >= COMMON_SHORT)
            if len(used) < REGIONS_TO_COMPARE:
                is_stop[of_script] = is_short
            else:
                is_spread = 2 * (used >= LEAST_SHARE).sum(axis=0) >= len(used)
                is_common = 2 * (used >= COMMON).sum(axis=0) >= len(used)
                is_stop[of_script] = is_common | (is_short & is_spread)
        return is_stop


def named(told: Sequence[str], before: Sequence[str]) -> tuple[str, ...]:
    """Name a region: as before, while most of the words of that are still telling.

    Args:
        told: Its telling words, the best first.
        before: The words that it was named by, if it is an old one.
    """
    is_same = len(before) > 0 and 2 * sum(word in told for word in before) > len(before)
    return tuple(before) if is_same else tuple(told[:MOST_WORDS])
