"""Tells who keeps count what became of batches that are nowhere, and whose source is gone."""

from collections.abc import Sequence

from services.discovery.domain.ledger import SourceRecord
from services.discovery.handlers.epochs import Epochs
from shared.contracts.writing import NO_VECTORS, SettledBatch, WritingSettled


def lost_with_source(
    source: SourceRecord, batches: Sequence[str], epochs: Epochs
) -> WritingSettled:
    """Say of batches that nothing is stored of them, unless they are sent again."""
    told = tuple(
        SettledBatch(
            batch_id=one,
            source_id=source.source_id,
            source_version=source.source_version,
            verdict="refused",
            records=0,
            checksum=NO_VECTORS,
        )
        for one in batches
    )
    epoch = epochs.begin(source.source_id)
    return WritingSettled(
        id=WritingSettled.id_of("lost", source.source_id, epoch),
        collection=source.collection,
        occurred_at=epochs.clock.now(),
        batches=told,
        dataset_version=0,
    )
