"""Tells of a command that was settled: who gave it, and what became of it."""

from datetime import datetime

from shared.bus.messages.outgoing import Outgoing, outgoing_event
from shared.bus.messages.received_command import Given
from shared.bus.registry.audit import AUDIT_COMMAND
from shared.contracts.audit import CommandAudited, Outcome


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
