"""Draws docs/images/refit.svg: python -m docs.generators.refit_picture OUTPUT/COLLECTION.

A map fitted to the first half of its records, and the refit to all of them: turned onto the old
map, with the way that each of the old points goes.
"""

import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from services.projection.domain.fitting import align, fit
from services.projection.domain.moments import Moments
from services.projection.domain.movement import predict_movement

PANEL, GAP, MARGIN = 360, 30, 28
COLOURS = ("#4269d0", "#efb118", "#ff725c", "#6cc5b0", "#a463f2", "#9c6b4e")
FILE = Path(__file__).parents[2] / "docs" / "images" / "refit.svg"


def main(folder: Path) -> None:
    """Draw how a refit of the map of a folder moves its points."""
    logs = pq.read_table(folder / "logs.parquet")
    table = pq.read_table(folder / "embeddings.parquet")
    vectors = np.stack(table["vector"].to_numpy())
    names = logs["filename"].to_pylist()
    order = {name: number for number, name in enumerate(sorted(set(names)))}
    groups = [order[name] for name in names]
    known = len(vectors) // 2
    old = fit(Moments.of(vectors[:known])).plane
    moments = Moments.of(vectors)
    new = align(fit(moments), old, moments).plane
    before, after = old.project(vectors[:known]), new.project(vectors)
    share = predict_movement(Moments.of(vectors[:known]), old, new).rms_share
    everything = np.vstack([before, after])
    low, high = everything.min(axis=0), everything.max(axis=0)
    scale = (PANEL - 2 * MARGIN) / (high - low).max()

    def place(points: np.ndarray, panel: int) -> np.ndarray:
        x = MARGIN + (points[:, 0] - low[0]) * scale + panel * (PANEL + GAP)
        return np.column_stack([x, PANEL - MARGIN - (points[:, 1] - low[1]) * scale])

    parts = [panel(0, f"before: {known} records")]
    parts += dots(place(before, 0), groups[:known])
    parts += [panel(1, f"after: {len(vectors)} records, old points moved {share:.1%} rms")]
    parts += ways(place(before, 1), place(after[:known], 1)) + dots(place(after, 1), groups)
    FILE.write_text(drawing(parts))


def drawing(parts: list[str]) -> str:
    """Put what is drawn into a picture of two maps side by side."""
    width = 2 * PANEL + GAP
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {PANEL + 24}" '
        f'font-family="sans-serif" font-size="13">\n{body}\n</svg>\n'
    )


def panel(number: int, title: str) -> str:
    """Draw the frame of one of the two maps."""
    x = number * (PANEL + GAP)
    return (
        f'<rect x="{x}" y="0" width="{PANEL}" height="{PANEL}" fill="#fff" stroke="#ccc"/>'
        f'<text x="{x + 4}" y="{PANEL + 17}" fill="#444">{title}</text>'
    )


def dots(places: np.ndarray, groups: list[int]) -> list[str]:
    """Draw points, shape (n, 2), in the colours of their groups."""
    return [
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{COLOURS[g % 6]}" fill-opacity="0.8"/>'
        for (x, y), g in zip(places, groups, strict=True)
    ]


def ways(old: np.ndarray, new: np.ndarray) -> list[str]:
    """Draw the ways from old to new points, both of shape (n, 2)."""
    return [
        f'<line x1="{a:.1f}" y1="{b:.1f}" x2="{c:.1f}" y2="{d:.1f}" stroke="#bbb"/>'
        for (a, b), (c, d) in zip(old, new, strict=True)
    ]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
