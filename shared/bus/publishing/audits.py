"""Tells of a command that was settled: who gave it, and what became of it."""

from dataclasses import dataclass
from datetime import datetime

from shared.bus.messages.outgoing import Outgoing, outgoing_event
from shared.bus.registry.audit import AUDIT_COMMAND
from shared.contracts.audit import CommandAudited, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A command as the bus tells of it, whatever stands in its body."""

    who: str
    family: str
    collection: str
    key: str
    """Of the message: a second delivery of it is audited as the same."""
    given_at: datetime | None
    wish: str


def audited(
    given: Given,
    outcome: Outcome,
    now: datetime,
    *,
    correlation_id: str | None,
    reason: str | None = None,
) -> Outgoing:
    """Tell of a command that was settled."""
    event = CommandAudited(
        id=CommandAudited.id_of(given.collection, given.family, given.key),
        collection=given.collection,
        occurred_at=now,
        correlation_id=correlation_id,
        command=given.family,
        who=given.who,
        given_at=given.given_at,
        wish=given.wish,
        outcome=outcome,
        reason=reason,
    )
    return outgoing_event(AUDIT_COMMAND, event)
