"""How texts are cut into requests to an embedding server."""

from collections.abc import Iterator, Sequence


def cut_requests(texts: Sequence[str], max_texts: int, max_bytes: int) -> Iterator[Sequence[int]]:
    """Cut texts into requests, in order.

    Args:
        texts: What to embed.
        max_texts: At most so many texts in a request.
        max_bytes: At most so much UTF-8 in a request, except for a single longer text.

    Yields:
        The positions of the texts of one request; every position stands in exactly one.
    """
    positions: list[int] = []
    size = 0
    for position, text in enumerate(texts):
        length = len(text.encode())
        if positions and (len(positions) == max_texts or size + length > max_bytes):
            yield positions
            positions, size = [], 0
        positions.append(position)
        size += length
    if positions:
        yield positions
