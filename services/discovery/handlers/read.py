"""Reads one source into batches of records, and dead letters for what is no record."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime

import pyarrow as pa

from services.discovery.domain.batching import Cut
from services.discovery.domain.entries import BadLine
from services.discovery.domain.holding import least_alive
from services.discovery.domain.ledger import SourceRecord
from services.discovery.domain.reading import Piece, SourceReader
from services.discovery.domain.records import Record
from services.discovery.domain.runs import BadRun, allowance
from services.discovery.domain.segments import Mark, Segment
from services.discovery.domain.sources import SourceStat, batch_id
from services.discovery.handlers.contents import read_pieces
from services.discovery.handlers.found import SourceToRead
from services.discovery.ports import SourceRepository
from shared.contracts.batches import (
    RECORD_SCHEMA,
    Batch,
    BatchDescriptor,
)
from shared.contracts.dead_letters import DeadLetter

STAGE = "discovery"
LINE_BYTES = 4 << 20
"""Of an unreadable line at most this many bytes are kept; the source has the others."""
EVIDENCE_BYTES = 32 << 20
"""Of all unreadable lines of a version; a file must not push out the letters of others."""
SCRAP_BYTES = 1 << 10
"""Of each of them thereafter."""


async def read_source(
    source: SourceToRead, repository: SourceRepository
) -> AsyncGenerator[Batch | DeadLetter | Mark]:
    """Read what is to be read of a source's version.

    The same version always gives the same batches and dead letters, whatever the settings say.
    Batches come in file order and dead letters too; a dead letter comes as soon as its line was
    met, a batch when the next record does not fit into it any more. The last batch of a segment
    comes only when all that was read of it has proven to have its digest.

    Yields:
        Of each segment at least one batch, maybe empty, the last one flagged; and dead letters;
        at the end, where that is.

    Raises:
        SourceUnreadableError: It cannot be read any more.
        SourceChangedError: It was changed meanwhile: look again.
    """
    stat, begun = source.stat, source.begun
    kind = repository.format_of(stat).limited(begun.rules.max_line_bytes)
    start = begun.start
    for segment in begun.segments:
        content = repository.open(replace(stat, size=segment.size), start.byte_offset)
        messages = Messages(source, segment)
        reader = SourceReader(stat.filename, begun.rules.limits, version=messages.age, start=start)
        async with aclosing(read_pieces(content, kind, reader, segment.digest)) as pieces:
            async for piece in pieces:
                yield messages.of(piece)
        start = reader.end(content.newlines, content.size)
    yield start


class Messages:
    """Makes messages of the pieces of one segment of a source, in order."""

    def __init__(self, source: SourceToRead, segment: Segment) -> None:
        self._source = source
        self._segment = segment
        self._left = allowance(EVIDENCE_BYTES, self.age)
        self._dead = 0
        """Records and lines of which letters were made."""

    @property
    def age(self) -> int:
        """How often the source has changed or grown: what is late has fewer letters."""
        return self._source.source_version + self._segment.number

    def of(self, piece: Piece) -> Batch | DeadLetter:
        """Make the message of the next piece."""
        return self._batch(piece) if isinstance(piece, Cut) else self._letter(piece)

    def _letter(self, bad: BadLine | BadRun) -> DeadLetter:
        letter = letter_of(bad, self._source.stat, self._source.source_version)
        self._dead += letter.records
        body = letter.body[: max(SCRAP_BYTES, min(LINE_BYTES, self._left))]
        self._left -= len(body)
        return replace(letter, body=body)

    def _batch(self, cut: Cut) -> Batch:
        stat, version = self._source.stat, self._source.source_version
        fingerprint, rules = self._segment.fingerprint, self._source.begun.rules.spell()
        name = stat.collection, stat.source_id, version, fingerprint, cut.index
        descriptor = BatchDescriptor(
            collection=stat.collection,
            batch_id=batch_id(*name, rules),
            source_id=stat.source_id,
            filename=stat.filename,
            fingerprint=fingerprint,
            source_version=version,
            index=cut.index,
            # A version of one batch would be shown by that, and could not be cancelled.
            is_last=cut.is_last and not (self._source.begun.is_renewal and cut.index == 0),
            records=len(cut.records),
            can_wait=True,
            shows_with=self._least_alive(cut) if cut.is_last and cut.index == 0 else 0,
            is_fresh=self._source.begun.is_fresh,
        )
        return batch_of(descriptor, cut.records, self._segment.found_at)

    def _least_alive(self, cut: Cut) -> int:
        """Return with how many records a version that is one batch is shown by its arrival.

        All lines that died were read before: the last batch comes last.
        """
        return least_alive(self._dead + len(cut.records), self._source.begun.max_dead_share)


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


def batch_of(
    descriptor: BatchDescriptor, records: Sequence[Record], arrived_at: datetime
) -> Batch:
    """Put records into a batch; ``arrived_at`` says when they were found."""
    columns = [
        pa.array([getattr(record, field.name) for record in records], field.type)
        for field in RECORD_SCHEMA
        if field.name != "arrived_at"
    ]
    columns.append(pa.repeat(pa.scalar(arrived_at, RECORD_SCHEMA.types[-1]), len(records)))
    return Batch(descriptor, pa.RecordBatch.from_arrays(columns, schema=RECORD_SCHEMA))
