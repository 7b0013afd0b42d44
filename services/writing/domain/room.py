"""How much room a version of a source needs that replaces another one."""

ROW_BYTES = 256
"""Of a row beside its text and its vector: ids, names, times, attributes."""
FLOAT_BYTES = 4
TIMES = 2
"""The rows wait beside the dataset, and are written into it while they wait."""


def needed_bytes(content_bytes: int, records: int, dimension: int) -> int:
    """Estimate what a version takes on the disk until it is shown.

    Args:
        content_bytes: Length of what is read; texts are at most as long, attributes included.
        records: How many there will be.
        dimension: Length of their vectors.
    """
    return TIMES * (content_bytes + records * (FLOAT_BYTES * dimension + ROW_BYTES))
