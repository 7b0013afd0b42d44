"""The batches without records, which say something of a whole version; each is always the same."""

from typing import Any

import pyarrow as pa

from services.discovery.domain.ledger import SourceRecord
from services.discovery.domain.moves import Move
from shared.contracts.batches import RECORD_SCHEMA, Batch, BatchDescriptor
from shared.contracts.moved_from import MovedFrom


def forgetting_batch(source: SourceRecord) -> Batch:
    """Return the only batch of a source's version that is forgotten."""
    return _bare(source, source.empty_batch_id, is_last=True, is_forgotten=True)


def showing_batch(source: SourceRecord) -> Batch:
    """Return the batch that shows a source's version, whose batches have waited for each other."""
    return _bare(source, source.showing_batch_id, is_last=True, shows=True)


def discarding_batch(source: SourceRecord) -> Batch:
    """Return the batch of a version that never comes, by which the one before goes unseen.

    It is a first part: so it takes the place of what waits, and of nothing that is shown.
    """
    return _bare(source, source.discarding_batch_id, is_last=False, can_wait=True)


def moving_batch(move: Move) -> Batch:
    """Return the batch by which what is mapped under one name goes over to another."""
    before, to = move.before, move.to
    moved_from = MovedFrom(
        source_id=before.source_id,
        filename=before.filename,
        source_version=before.source_version,
        batch_id=before.empty_batch_id,
    )
    return _bare(to, to.moving_batch_id, is_last=True, moved_from=moved_from)


def _bare(source: SourceRecord, batch_id: str, **facts: Any) -> Batch:
    descriptor = BatchDescriptor(
        collection=source.collection,
        batch_id=batch_id,
        source_id=source.source_id,
        filename=source.filename,
        fingerprint=source.fingerprint or "",
        source_version=source.source_version,
        index=0,
        records=0,
        **facts,
    )
    return Batch(descriptor, pa.RecordBatch.from_pylist([], schema=RECORD_SCHEMA))
