"""Reads contents by their formats, in a thread and by turns."""

from collections.abc import AsyncGenerator, Iterator, Sequence
from itertools import islice
from typing import TypeVar

from anyio import to_thread

from services.discovery.domain.batching import Limits
from services.discovery.domain.completeness import WhyIncomplete
from services.discovery.domain.cut_rules import CutRules
from services.discovery.domain.entries import Part
from services.discovery.domain.ledger import SourceRecord
from services.discovery.domain.reading import Piece, SourceReader
from services.discovery.domain.rereading import Rereader
from services.discovery.domain.segments import ContentHash
from services.discovery.domain.sources import SourceStat
from services.discovery.ports import Content, SourceFormat, SourceRepository
from shared.contracts.batches import MAX_RECORDS, MAX_TEXT_BYTES

T = TypeVar("T")
LIMITS = Limits(MAX_RECORDS, MAX_TEXT_BYTES)
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


async def identify(
    stat: SourceStat, known: SourceRecord | None, repository: SourceRepository
) -> ContentHash:
    """Tell what a source holds, and whether that is what is known of it and more.

    Raises:
        SourceUnreadableError: It cannot be read.
        SourceChangedError: It is shorter than it was.
    """
    part_at = (known.content_size or 0) if known is not None else 0
    if known is None or not 0 < part_at < stat.size:
        return await repository.fingerprint(stat)
    found = await repository.fingerprint(stat, part_at)
    if found.begin != known.fingerprint:
        return ContentHash(found.whole)
    content = repository.open(stat)
    try:
        parts_at = repository.format_of(stat).parts_at
        has_grown = await to_thread.run_sync(parts_at, content, part_at)
    finally:
        content.close()
    return found if has_grown else ContentHash(found.whole)


def rules_of(kind: SourceFormat) -> CutRules:
    """Return how a version of a source is cut that begins now."""
    return CutRules(kind.name, kind.max_line_bytes, LIMITS)


async def read_pieces(
    content: Content, kind: SourceFormat, reader: SourceReader, fingerprint: str | None = None
) -> AsyncGenerator[Piece]:
    """Read a content and close it; the last batch comes when all of it has proven to be expected.

    Args:
        content: Of a source, or what was appended to it.
        kind: What it is.
        reader: Makes batches of what is found.
        fingerprint: What the content must have; None: whatever it is.

    Yields:
        Batches and bad lines, in file order.

    Raises:
        SourceUnreadableError: It cannot be read.
        SourceChangedError: The content is another one.
    """
    try:
        pieces = reader.read(_found(content, kind, fingerprint))
        is_over = False
        while not is_over:
            some, is_over = await to_thread.run_sync(take_turn, pieces)
            for piece in some:
                yield piece
    finally:
        content.close()


async def reread(
    content: Content, kind: SourceFormat, reader: Rereader, fingerprint: str | None
) -> None:
    """Have a content read again, to its end, and close it.

    Raises:
        SourceUnreadableError: It cannot be read.
        SourceChangedError: It is not what has this fingerprint.
    """
    try:
        turns = reader.read(_found(content, kind, fingerprint))
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
