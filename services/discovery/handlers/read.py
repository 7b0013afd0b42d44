"""Reads one source into batches of records, and dead letters for what is no record."""

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from itertools import islice

import orjson
import pyarrow as pa
from anyio import to_thread

from services.discovery.domain.batching import Cut, Limits
from services.discovery.domain.entries import BadLine
from services.discovery.domain.reading import SourceReader
from services.discovery.domain.records import Record
from services.discovery.domain.sources import batch_id
from services.discovery.handlers.look import SourceToRead
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
PIECES_AT_ONCE = 16
LINE_BYTES = 4 << 20
"""Of an unreadable line at most this many bytes are kept; the source has the others."""


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
        SourceUnreadable: It cannot be read any more.
        SourceChanged: It was changed meanwhile: look again.
    """
    reader = SourceReader(source.stat.filename, limits, orjson.loads)
    lines = repository.read_lines(source.stat, source.fingerprint)
    async with aclosing(lines) as portions:
        async for portion in portions:
            pieces = reader.feed(portion)
            while some := await to_thread.run_sync(take_some, pieces):
                for piece in some:
                    yield _message(piece, source)
    yield _message(reader.finish(), source)


def take_some(pieces: Iterator[Cut | BadLine]) -> list[Cut | BadLine]:
    """Take as many of a portion's pieces as one turn of a thread makes."""
    return list(islice(pieces, PIECES_AT_ONCE))


def _message(piece: Cut | BadLine, source: SourceToRead) -> Batch | DeadLetter:
    return _letter(piece, source) if isinstance(piece, BadLine) else _batch(piece, source)


def _letter(bad: BadLine, source: SourceToRead) -> DeadLetter:
    stat = source.stat
    return DeadLetter(
        key=f"{stat.source_id}:{source.source_version}:{bad.line}:{bad.position}",
        stage=STAGE,
        collection=stat.collection,
        reason=bad.reason,
        body=bad.data[:LINE_BYTES],
        size=bad.size,
        filename=stat.filename,
        line=bad.line,
        byte_offset=bad.byte_offset,
        source_id=stat.source_id,
        source_version=source.source_version,
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
