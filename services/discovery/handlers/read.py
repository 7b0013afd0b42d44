"""Reads one source into batches of records, and dead letters for what is no record."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace

import pyarrow as pa

from services.discovery.domain.batching import Cut, Limits
from services.discovery.domain.entries import BadLine
from services.discovery.domain.ledger import SourceRecord
from services.discovery.domain.reading import Piece, SourceReader
from services.discovery.domain.records import Record
from services.discovery.domain.runs import BadRun, allowance
from services.discovery.domain.sources import SourceStat, batch_id
from services.discovery.handlers.contents import read_pieces
from services.discovery.handlers.scan import SourceToRead
from services.discovery.ports import SourceRepository
from shared.contracts.batches import (
    MAX_RECORDS,
    MAX_TEXT_BYTES,
    RECORD_SCHEMA,
    Batch,
    BatchDescriptor,
)
from shared.contracts.dead_letters import DeadLetter

STAGE = "discovery"
LIMITS = Limits(MAX_RECORDS, MAX_TEXT_BYTES)
LINE_BYTES = 4 << 20
"""Of an unreadable line at most this many bytes are kept; the source has the others."""
EVIDENCE_BYTES = 32 << 20
"""Of all unreadable lines of a version; a file must not push out the letters of others."""
SCRAP_BYTES = 1 << 10
"""Of each of them thereafter."""


async def read_source(
    source: SourceToRead, repository: SourceRepository, *, limits: Limits = LIMITS
) -> AsyncGenerator[Batch | DeadLetter]:
    """Read a source; the same content always gives the same batches and dead letters.

    Batches come in file order and dead letters too; a dead letter comes as soon as its line was
    met, a batch when the next record does not fit into it any more. The last batch comes only
    when all that was read has proven to have the source's fingerprint.

    Yields:
        At least one batch, maybe empty, the last one flagged; and dead letters.

    Raises:
        SourceUnreadableError: It cannot be read any more.
        SourceChangedError: It was changed meanwhile: look again.
    """
    stat, messages = source.stat, Messages(source)
    reader = SourceReader(stat.filename, limits, version=source.source_version)
    async with aclosing(read_pieces(stat, repository, reader, source.fingerprint)) as pieces:
        async for piece in pieces:
            yield messages.of(piece)


class Messages:
    """Makes messages of the pieces of one version of a source, in order."""

    def __init__(self, source: SourceToRead) -> None:
        self._source = source
        self._left = allowance(EVIDENCE_BYTES, source.source_version)

    def of(self, piece: Piece) -> Batch | DeadLetter:
        """Make the message of the next piece."""
        return _batch(piece, self._source) if isinstance(piece, Cut) else self._letter(piece)

    def _letter(self, bad: BadLine | BadRun) -> DeadLetter:
        letter = letter_of(bad, self._source.stat, self._source.source_version)
        body = letter.body[: max(SCRAP_BYTES, min(LINE_BYTES, self._left))]
        self._left -= len(body)
        return replace(letter, body=body)


def letter_of(
    bad: BadLine | BadRun, source: SourceStat | SourceRecord, version: int
) -> DeadLetter:
    """Make the letter of an unreadable part of a source, or of a run of them."""
    letter = DeadLetter(
        key=f"{source.source_id}:{version}:{bad.line}",
        stage=STAGE,
        collection=source.collection,
        reason=bad.reason,
        body=bad.data,
        size=bad.size,
        filename=source.filename,
        line=bad.line,
        byte_offset=bad.byte_offset,
        source_id=source.source_id,
        source_version=version,
    )
    if isinstance(bad, BadLine):
        return replace(letter, key=f"{letter.key}:{bad.position}")
    return replace(
        letter,
        key=f"{letter.key}-{bad.last_line}:{bad.byte_offset}",
        records=bad.parts,
        last_line=bad.last_line,
        spans=bad.spans if len(bad.spans) > 1 else (),
    )


def _batch(cut: Cut, source: SourceToRead) -> Batch:
    stat = source.stat
    version, fingerprint = source.source_version, source.fingerprint
    descriptor = BatchDescriptor(
        collection=stat.collection,
        batch_id=batch_id(stat.collection, stat.source_id, version, fingerprint, cut.index),
        source_id=stat.source_id,
        filename=stat.filename,
        fingerprint=source.fingerprint,
        source_version=source.source_version,
        index=cut.index,
        is_last=cut.is_last,
        records=len(cut.records),
    )
    return batch_of(descriptor, cut.records)


def batch_of(descriptor: BatchDescriptor, records: Sequence[Record]) -> Batch:
    """Put records into a batch."""
    columns = [
        pa.array([getattr(record, field.name) for record in records], field.type)
        for field in RECORD_SCHEMA
    ]
    return Batch(descriptor, pa.RecordBatch.from_arrays(columns, schema=RECORD_SCHEMA))
