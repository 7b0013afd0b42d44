"""Makes dead letters of batches and of their records: a descriptor says where they come from."""

from dataclasses import replace
from typing import Any

from shared.contracts.batches import Batch, encode
from shared.contracts.dead_letters import DeadLetter


def dead_batch(batch: Batch, reason: str, *, stage: str) -> DeadLetter:
    """Keep a whole batch that a stage gives up."""
    facts = batch.descriptor
    return DeadLetter(
        key=facts.delivery_id,
        stage=stage,
        collection=facts.collection,
        reason=reason,
        body=encode(batch),
        **origin_of(batch),
    )


def dead_record(batch: Batch, position: int, reason: str, *, stage: str) -> DeadLetter:
    """Keep one record of a batch, by its position there, that a stage gives up."""
    alone = Batch(batch.descriptor, batch.rows.slice(position, 1))
    (record,) = alone.rows.select(["id", "line", "byte_offset"]).to_pylist()
    letter = dead_batch(alone, reason, stage=stage)
    return replace(
        letter,
        key=f"{letter.key}:{record['id']}",
        line=record["line"],
        byte_offset=record["byte_offset"],
        record_id=record["id"],
    )


def origin_of(batch: Batch) -> dict[str, Any]:
    """Say where a batch comes from, as fields of a dead letter."""
    facts = batch.descriptor
    return {
        "records": len(batch),
        "filename": facts.filename,
        "source_id": facts.source_id,
        "source_version": facts.source_version,
        "batch_id": facts.batch_id,
    }
