"""Reads contents by their formats, in a thread and by turns."""

from collections.abc import AsyncGenerator, Iterator, Sequence
from itertools import islice
from typing import TypeVar

from anyio import to_thread

from services.discovery.domain.completeness import WhyIncomplete
from services.discovery.domain.entries import Part
from services.discovery.domain.reading import Piece, SourceReader
from services.discovery.domain.rereading import Rereader
from services.discovery.domain.sources import SourceStat
from services.discovery.ports import Content, SourceFormat, SourceRepository

T = TypeVar("T")
PIECES_AT_ONCE = 16
"""At most so many are made ahead of whoever takes them."""


async def why_incomplete(stat: SourceStat, repository: SourceRepository) -> WhyIncomplete | None:
    """Tell what a source lacks to be read; None: nothing.

    Raises:
        SourceUnreadableError: It cannot be read, or not be judged.
        SourceChangedError: It is shorter than it was.
    """
    if (why := await repository.why_waiting(stat)) is not None:
        return why
    content = repository.open(stat)
    try:
        return await to_thread.run_sync(repository.format_of(stat).why_incomplete, content)
    finally:
        content.close()


async def read_pieces(
    stat: SourceStat,
    repository: SourceRepository,
    reader: SourceReader,
    fingerprint: str | None = None,
) -> AsyncGenerator[Piece]:
    """Read a source; its last batch comes when all of the content has proven to be the expected.

    Args:
        stat: The source.
        repository: Has its content.
        reader: Makes batches of what is found.
        fingerprint: What the content must have; None: whatever it is.

    Yields:
        Batches and bad lines, in file order.

    Raises:
        SourceUnreadableError: It cannot be read.
        SourceChangedError: The content is another one.
    """
    content = repository.open(stat)
    try:
        pieces = reader.read(_found(content, repository.format_of(stat), fingerprint))
        is_over = False
        while not is_over:
            some, is_over = await to_thread.run_sync(take_turn, pieces)
            for piece in some:
                yield piece
    finally:
        content.close()


async def reread(
    stat: SourceStat, repository: SourceRepository, reader: Rereader, fingerprint: str | None
) -> None:
    """Have a source read again, to its end.

    Raises:
        SourceUnreadableError: It cannot be read.
        SourceChangedError: The content is not what has this fingerprint.
    """
    content = repository.open(stat)
    try:
        turns = reader.read(_found(content, repository.format_of(stat), fingerprint))
        while not (await to_thread.run_sync(take_turn, turns))[1]:
            pass
    finally:
        content.close()


def take_turn(made: Iterator[T | None]) -> tuple[Sequence[T], bool]:
    """Take what one turn of a thread makes, and tell whether that is all there is."""
    some: list[T] = []
    for one in islice(made, PIECES_AT_ONCE):
        if one is None:
            return some, False
        some.append(one)
    return some, len(some) < PIECES_AT_ONCE


def _found(content: Content, kind: SourceFormat, fingerprint: str | None) -> Iterator[Part | None]:
    yield from kind.read(content)
    if fingerprint is not None:
        content.verify(fingerprint)
