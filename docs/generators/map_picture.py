"""Draws docs/images/map.svg: python -m docs.generators.map_picture OUTPUT/COLLECTION."""

import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

WIDTH, HEIGHT, MARGIN = 640, 420, 24
COLOURS = ("#4269d0", "#efb118", "#ff725c", "#6cc5b0", "#3ca951", "#ff8ab7", "#a463f2", "#97bbf5",
           "#9c6b4e", "#9498a0")  # fmt: skip
FILE = Path(__file__).parents[2] / "docs" / "images" / "map.svg"


def main(folder: Path) -> None:
    """Draw the map of a folder."""
    logs = pq.read_table(folder / "logs.parquet")
    points = np.column_stack([logs["projection_x"], logs["projection_y"]])
    low, high = points.min(axis=0), points.max(axis=0)
    room = np.array([WIDTH - 2 * MARGIN, HEIGHT - 2 * MARGIN])
    scale = (room / (high - low)).min()
    shift = (np.array([WIDTH, HEIGHT]) - (high - low) * scale) / 2
    places = (points - low) * scale + shift
    names = logs["filename"].to_pylist()
    colours = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(sorted(set(names)))}
    dots = [
        f'<circle cx="{x:.1f}" cy="{HEIGHT - y:.1f}" r="5" fill="{colours[name]}" '
        f'fill-opacity="0.75"><title>{name}, {kind} {number}</title></circle>'
        for (x, y), name, kind, number in zip(
            places, names, logs["type"].to_pylist(), logs["iteration"].to_pylist(), strict=True
        )
    ]
    FILE.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}">\n'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff" stroke="#ccc"/>\n'
        + "\n".join(dots)
        + "\n</svg>\n"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
