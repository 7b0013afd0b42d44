"""Reads who gave a command, and what is kept of the commands that were settled."""

from dataclasses import dataclass
from datetime import datetime

import structlog
from nats.aio.client import Client
from pydantic import ValidationError

from shared.bus.messages.received import CALLER, Delivery
from shared.bus.messages.received_command import Given
from shared.bus.reading.stream_reader import StreamReader
from shared.bus.registry.audit import AUDIT_COMMAND
from shared.bus.registry.channel import split_subject
from shared.bus.registry.users import GATEWAY
from shared.contracts.audit import MAX_WISH, AuditEntry, AuditPage, CommandAudited

LOCAL = "local"
MAX_NAME = 200
"""Kept of the name of a token, characters."""
log = structlog.get_logger(__name__)


def given_by(delivery: Delivery) -> Given:
    """Read who gave a command and what it says."""
    family, collection = split_subject(delivery.subject)
    return Given(
        who=who_gave(delivery),
        family=family,
        collection=collection,
        key=f"{delivery.sequence}@{delivery.timestamp}",
        given_at=datetime.fromisoformat(delivery.timestamp) if delivery.timestamp else None,
        wish=delivery.body[: 4 * MAX_WISH].decode(errors="replace")[:MAX_WISH],
    )


def who_gave(delivery: Delivery) -> str:
    """Name who gave a command: the user that the server knows, and whom the gateway knows.

    Of a bus that keeps no users apart, the sender is `local`, whose token it may name.
    """
    who = delivery.user or LOCAL
    caller = delivery.headers.get(CALLER) if who in {GATEWAY, LOCAL} else None
    return f"{who}:{caller[:MAX_NAME]}" if caller else who


@dataclass(frozen=True, slots=True)
class AuditLog:
    """The stream of audited commands, as one connection sees it."""

    client: Client

    async def page(self, collection: str, *, after: int = 0, limit: int = 50) -> AuditPage:
        """Return a page of a collection's audited commands, oldest first.

        Raises:
            BusAway: The bus did not answer.
        """
        subjects = (AUDIT_COMMAND.subject(collection),)
        reading = StreamReader(self.client, AUDIT_COMMAND.stream, subjects)
        messages, has_more = await reading.some(after, limit)
        items = []
        for raw in messages:
            try:
                event = CommandAudited.model_validate_json(raw.data)
            except ValidationError as error:
                log.warning("audit.unreadable", sequence=raw.sequence, error=str(error))
                continue
            items.append(AuditEntry(sequence=raw.sequence, event=event))
        last = messages[-1].sequence if messages and has_more else None
        return AuditPage(collection=collection, items=tuple(items), next_after=last)
