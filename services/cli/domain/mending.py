"""Which difference is mended by whom."""

from services.cli.domain.kept import PARTS, What

COUNTED = frozenset(
    {
        What.BATCH_NOT_COUNTED,
        What.BATCH_NOT_STORED,
        What.BATCH_RECORDS,
        What.IN_DOUBT,
        What.MOMENTS,
        What.VARIANCE,
        What.MODEL,
        What.MODEL_VALUES,
    }
)
"""Projection counts what is stored, and takes the models over that are archived."""
PLACED = frozenset({What.MAP_MODEL, What.COORDINATES})
"""Writing puts every row where the newest model puts its vector."""
PUBLISHED = frozenset(
    {What.FILES, What.FILE_ROWS, What.FILE_MODEL} | {What.FILE_PART.format(part) for part in PARTS}
)
"""Writing writes the public files again."""
