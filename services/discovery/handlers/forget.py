"""Forgets a source: gives it a version without records, which takes the others off the map."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from services.discovery.domain.ledger import CommandRef, SourceRecord
from services.discovery.domain.sources import source_id
from services.discovery.handlers.bare_batches import forgetting_batch
from services.discovery.handlers.events import forgotten
from services.discovery.handlers.source_locks import SourceLocks
from services.discovery.ports import StateStore
from shared.contracts.batches import Batch
from shared.contracts.sources import SourceForgotten, SourceRejected

SHOWN_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Rejected:
    """A command that cannot be carried out, and why."""

    reason: str
    is_unknown: bool = False
    """Whether that is since there is no such source."""


async def forget(
    collection: str, source: str, ref: CommandRef, *, store: StateStore, locks: SourceLocks
) -> Batch | SourceForgotten | Rejected | None:
    """Forget a source of a collection; waits while it is looked at.

    Args:
        collection: Where the source belongs.
        source: Its filename, or its id if no file has that name.
        ref: The command that asks for it.
        store: The ledger.
        locks: Who has the source in hand.

    Returns:
        The batch that takes the source's records off the map; the answer if there are none any
        more; None if the command was fulfilled and answered before the source got a new content.

    Raises:
        TransientError: The ledger could not be read or written.
    """
    if not source:
        return Rejected("'source' is empty: give the filename of a source, or its id")
    known = await _find(collection, source, store)
    if known is None:
        shown = source if len(source) <= SHOWN_CHARACTERS else f"{source[:SHOWN_CHARACTERS]}…"
        return Rejected(
            f"no source of collection '{collection}' is called '{shown}' or has this id; "
            "filenames are relative to their root, with '/'",
            is_unknown=True,
        )
    async with locks.hold(known.source_id):
        now = await store.forget(known.source_id, ref)
    if now is None:
        return Rejected(f"'{known.filename}' has no records yet, so there is nothing to forget")
    if not now.is_forgotten:
        return None
    return forgetting_batch(now) if now.completed_at is None else forgotten(now, ref)


def rejected(
    collection: str, command: str, refusal: Rejected, ref: CommandRef, now: datetime
) -> SourceRejected:
    """Say that a command cannot be carried out; a second delivery gets the same id."""
    digest = hashlib.sha256(ref.key.encode("utf-8", "backslashreplace")).hexdigest()
    return SourceRejected(
        id=SourceRejected.id_of(collection, digest[:32]),
        collection=collection,
        occurred_at=now,
        correlation_id=ref.correlation_id,
        command=command,
        reason=refusal.reason,
        is_unknown=refusal.is_unknown,
    )


async def _find(collection: str, source: str, store: StateStore) -> SourceRecord | None:
    by_name = source_id(collection, source)
    known = await store.get([by_name, source])
    found = known.get(by_name) or known.get(source)
    return found if found is not None and found.collection == collection else None
