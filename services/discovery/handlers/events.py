"""Says what happened to sources, in the words of the contracts."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from services.discovery.domain.ledger import CommandRef, SourceRecord
from services.discovery.handlers.bare_batches import discarding_batch, showing_batch
from shared.clock import Clock
from shared.contracts.batches import Batch
from shared.contracts.sources import (
    SourceCompleted,
    SourceFailed,
    SourceForgotten,
    SourceGone,
    SourceReturned,
)

SourceEnding = SourceCompleted | SourceForgotten | SourceFailed | Batch
"""How a version ends; before that, what shows those of its batches that waited."""
SourceNews = SourceEnding | SourceGone | SourceReturned


def presence_event(source: SourceRecord) -> SourceGone | SourceReturned | None:
    """Tell that a source went or came back, whichever was noted last."""
    facts: dict[str, Any] = {
        "collection": source.collection,
        "source_id": source.source_id,
        "filename": source.filename,
        "source_version": source.source_version,
    }
    if (at := source.gone_at) is not None:
        key = SourceGone.id_of(source.source_id, at.isoformat())
        return SourceGone(
            id=key, occurred_at=at, mapped=source.mapped, same_as=source.same_as, **facts
        )
    if (at := source.returned_at) is not None:
        key = SourceReturned.id_of(source.source_id, at.isoformat())
        return SourceReturned(id=key, occurred_at=at, **facts)
    return None


def endings(sources: Sequence[SourceRecord], clock: Clock) -> list[SourceEnding]:
    """Return the events of sources that are completed or forgotten, one for each command.

    Of one that is to be shown first, what does that; of one that has failed, what puts it aside;
    of one whose version is held back, that it has failed.
    """
    events: list[SourceEnding] = []
    for source in sources:
        if source.is_showing:
            events.append(showing_batch(source))
        elif source.is_put_aside:
            events.append(discarding_batch(source))
        elif source.is_held:
            events.append(failed(source, clock))
        elif source.is_forgotten:
            events += [forgotten(source, ref) for ref in source.wishes]
        elif source.completed_at is not None:
            events.append(completed(source, source.completed_at))
    return events


def forgotten(source: SourceRecord, ref: CommandRef) -> SourceForgotten:
    """Answer a command to forget a source; the same message always gets the same answer."""
    version = source.source_version
    digest = hashlib.sha256(ref.key.encode("utf-8", "backslashreplace")).hexdigest()
    return SourceForgotten(
        id=SourceForgotten.id_of(source.source_id, version, digest[:16]),
        collection=source.collection,
        occurred_at=source.completed_at or source.discovered_at,
        correlation_id=ref.correlation_id,
        source_id=source.source_id,
        filename=source.filename,
        source_version=version,
    )


def completed(source: SourceRecord, occurred_at: datetime) -> SourceCompleted:
    """Say that all records of a source have arrived or were given up."""
    fingerprint = source.fingerprint or ""
    version = source.source_version
    after = f":{source.replays}" if source.replays else ""
    return SourceCompleted(
        id=SourceCompleted.id_of(source.source_id, version, f"{fingerprint[:16]}{after}"),
        collection=source.collection,
        occurred_at=occurred_at,
        source_id=source.source_id,
        filename=source.filename,
        fingerprint=fingerprint,
        source_version=version,
        seen=source.seen,
        mapped=source.mapped,
        dead=source.dead,
    )


def failed(source: SourceRecord, clock: Clock) -> SourceFailed:
    """Say why a source cannot be read, or not be shown; the same reason has the same id."""
    cause = f"{source.signature}{source.reason}{source.replays if source.is_held else ''}"
    digest = hashlib.sha256(cause.encode("utf-8", "backslashreplace")).hexdigest()
    return SourceFailed(
        id=SourceFailed.id_of(source.source_id, source.source_version, digest[:16]),
        collection=source.collection,
        occurred_at=clock.now(),
        source_id=source.source_id,
        filename=source.filename,
        reason=source.reason or "unknown",
        is_held=source.is_held,
    )
