"""Finds the regions of a map in its public file: k-means on the plane, counted words of texts.

Runs in a process of its own (``process_region_finder.py``), since scikit-learn takes seconds and
100 MB to load. At most ``SAMPLED`` rows are looked at, whatever the map has: those whose ids are
lowest. Ids are hashes, so that is an even sample, and of a map that grows nearly the same one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.feature_extraction.text import CountVectorizer

from services.labels.adapters.parquet_map_files import shown_by
from services.labels.domain.regions import (
    FEWEST_RECORDS,
    LEAST_POINTS,
    LEAST_SHARE,
    MEMBER_LENGTH,
    MEMBERS,
    Before,
    Points,
    count_for,
    first_centres,
    joined,
    known_again,
    neighbours,
)
from services.labels.domain.telling import Wordings, named
from services.labels.domain.wording import WORD, plain, same_cells
from services.labels.ports import Found, FoundRegion
from shared.plain_paths import plain_path

SAMPLED = 50_000
SPARE = 0.98
"""Of that, so that an even sample is seldom larger."""
PIECE_ROWS = 8192
COLUMNS = ("id", "projection_x", "projection_y", "text")
TEXT_CHARACTERS = 10_000_000
"""Of all texts together; each gives its beginning, at least and at most so much of it:"""
LEAST_OF_TEXT, MOST_OF_TEXT = 200, 1000
MOST_WORDS = 20_000
ITERATIONS = 50
ALL_HEX = 16**8


@dataclass(frozen=True, slots=True)
class Sample:
    """Rows of the map."""

    ids: list[str]
    """Their beginnings."""
    points: Points
    texts: list[str]


def find_regions(file: Path, before: Sequence[Before], last_region: int) -> Found:
    """Find the regions of a map and name them.

    Args:
        file: ``logs.parquet``.
        before: The regions that were told last.
        last_region: The highest number that a region ever had.

    Raises:
        OSError: The file cannot be read.
        ArrowException: It is damaged.
    """
    with pq.ParquetFile(plain_path(file)) as opened:
        shown, sample = shown_by(opened.schema_arrow), _sampled(opened)
    if len(sample.ids) < FEWEST_RECORDS:
        return Found(shown, len(sample.ids), last_region, ())
    centres = first_centres(sample.points, sample.ids, before, count_for(len(sample.ids)))
    fitted = KMeans(len(centres), init=centres, n_init=1, max_iter=ITERATIONS).fit(sample.points)
    words, uses = _counted(sample.texts)
    # Parts are counted first, then what they are joined to.
    parts = fitted.labels_.astype(np.int64)
    likeness = _wordings(words, uses, parts).likeness()
    touch = neighbours(sample.points, fitted.cluster_centers_)
    region_of = joined(touch, likeness)
    labels = region_of[parts]
    told = _wordings(words, uses, labels).telling()
    old = known_again(labels, sample.ids, before)
    regions = []
    for label, telling in enumerate(told):
        rows = np.flatnonzero(labels == label)
        is_small = len(rows) < max(LEAST_POINTS, LEAST_SHARE * len(labels))
        known = old.get(label)
        if known is None:
            last_region += 1
        region = FoundRegion(
            region=known.region if known else last_region,
            words=() if is_small else named(telling, known.words if known else ()),
            share=len(rows) / len(labels),
            centres=_pairs(fitted.cluster_centers_[region_of == label]),
            **_place(sample.points[rows]),
            members=tuple(sorted(sample.ids[row] for row in rows)[:MEMBERS]),
        )
        regions.append(region)
    return Found(shown, len(labels), last_region, _apart(regions))


def _sampled(opened: Any) -> Sample:
    """Read the rows with the lowest ids, piece by piece."""
    share = min(1.0, SPARE * SAMPLED / max(1, opened.metadata.num_rows))
    limit = None if share == 1.0 else f"{int(share * ALL_HEX):08x}"
    pieces = []
    for piece in opened.iter_batches(PIECE_ROWS, columns=list(COLUMNS)):
        is_placed = pc.is_finite(pc.add(piece.column(COLUMNS[1]), piece.column(COLUMNS[2])))
        if limit is not None:
            is_placed = pc.and_(is_placed, pc.less(piece.column("id"), limit))
        pieces.append(piece.filter(pc.fill_null(is_placed, fill_value=False)))
    rows = pa.Table.from_batches(pieces)[:SAMPLED]
    columns = [rows.column(name).to_numpy() for name in COLUMNS[1:3]]
    most = max(LEAST_OF_TEXT, min(MOST_OF_TEXT, TEXT_CHARACTERS // max(1, len(rows))))
    texts = pc.utf8_slice_codeunits(rows.column("text"), 0, most).to_pylist()
    ids = pc.utf8_slice_codeunits(rows.column("id"), 0, MEMBER_LENGTH).to_pylist()
    points = np.column_stack(columns).astype(np.float64)
    same = same_cells(texts)
    return Sample(ids, points, [plain(one, most, same) for one in texts])


def _counted(texts: Sequence[str]) -> tuple[list[str], Any]:
    """Return words and which text has which: texts x words, sparse, zeros and ones."""
    counter = CountVectorizer(
        token_pattern=WORD, lowercase=False, binary=True, max_features=MOST_WORDS, dtype=np.float64
    )
    try:
        uses = counter.fit_transform(texts)
    except ValueError:  # not a single word
        return [], None
    return counter.get_feature_names_out().tolist(), uses


def _wordings(words: list[str], uses: Any, labels: NDArray[np.int64]) -> Wordings:
    """Count in which share of the texts of each region which word is."""
    texts = np.bincount(labels)
    if uses is None:
        return Wordings(words, np.zeros((len(texts), 0)), texts)
    shares = np.vstack([uses[labels == one].sum(axis=0) for one in range(len(texts))])
    return Wordings(words, np.asarray(shares) / np.maximum(texts, 1)[:, None], texts)


def _place(points: Points) -> dict[str, float]:
    """Say where a region is: the median of its points, and how far most of them are from that."""
    x, y = np.median(points, axis=0)
    spread = np.median(np.hypot(points[:, 0] - x, points[:, 1] - y))
    return {"x": float(x), "y": float(y), "spread": float(spread)}


def _pairs(points: Points) -> tuple[tuple[float, float], ...]:
    return tuple((float(x), float(y)) for x, y in points)


def _apart(regions: Sequence[FoundRegion]) -> tuple[FoundRegion, ...]:
    """Order regions, the largest first; one that has the name of a larger one has none."""
    names: set[tuple[str, ...]] = set()
    kept = []
    for one in sorted(regions, key=lambda one: -one.share):
        kept.append(replace(one, words=()) if one.words in names else one)
        names.add(one.words)
    return tuple(kept)
