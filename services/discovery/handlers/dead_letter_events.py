"""Tells what became of the dead letters that somebody asked for."""

import hashlib
from datetime import datetime
from typing import Any

from services.discovery.domain.ledger import CommandRef
from services.discovery.handlers.replay import ReplayResult
from shared.contracts.base import Event
from shared.contracts.dead_letter_events import (
    REFUSALS_TOLD,
    LettersDropped,
    LettersReplayed,
    RefusedLetter,
)


def replayed(
    collection: str, result: ReplayResult, ref: CommandRef, now: datetime
) -> LettersReplayed:
    """Say what was sent again; a second delivery of the command gets the same id."""
    return LettersReplayed(**_facts(LettersReplayed, collection, result, ref, now))


def dropped(
    collection: str, result: ReplayResult, ref: CommandRef, now: datetime
) -> LettersDropped:
    """Say what was given up; a second delivery of the command gets the same id."""
    return LettersDropped(**_facts(LettersDropped, collection, result, ref, now))


def _facts(
    event: type[Event], collection: str, result: ReplayResult, ref: CommandRef, now: datetime
) -> dict[str, Any]:
    digest = hashlib.sha256(ref.key.encode("utf-8", "backslashreplace")).hexdigest()
    refusals = [
        RefusedLetter(sequence=sequence, reason=reason)
        for sequence, reason in sorted(result.refused.items())
    ]
    return {
        "id": event.id_of(collection, digest[:32]),
        "collection": collection,
        "occurred_at": now,
        "correlation_id": ref.correlation_id,
        "letters": result.letters,
        "records": result.records,
        "refused": len(refusals),
        "refusals": tuple(refusals[:REFUSALS_TOLD]),
    }
