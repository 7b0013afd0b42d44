"""What became of every command, and who gave it: kept apart from the public events."""

from typing import ClassVar

from pydantic import AwareDatetime, Field

from shared.contracts.base import Event, Message, Outcome, Reason

MAX_WISH = 2000


class CommandAudited(Event):
    """A command was settled; ``correlation_id`` is the command's, ``occurred_at`` when it was."""

    family: ClassVar[str] = "audit.command"

    command: str = Field(description="What was asked for: `command.refit`, `command.forget` …")
    who: str = Field(
        description="The user of the bus that gave it, by the server's word; `gateway:NAME` for "
        "the token NAME of the gateway; where the server keeps no users apart `local`, or "
        "`local:NAME` if whoever sent it says that it came with that token."
    )
    given_at: AwareDatetime | None = Field(
        default=None, description="When the bus stored the command, by its own clock."
    )
    wish: str = Field(
        max_length=MAX_WISH, description="The command's body as it came, cut to 2,000 characters."
    )
    outcome: Outcome = Field(
        description="`done`; `begun`: it goes on, and an event tells its end; `held`: points "
        "would move too far; `previewed`: nothing was to be changed; `rejected`."
    )
    reason: Reason | None = Field(default=None, description="Why it was rejected.")


class AuditEntry(Message):
    """A place in the stream AUDIT and what stands there."""

    sequence: int = Field(ge=1, description="Its place in the stream AUDIT.")
    event: CommandAudited = Field(description="The command and what became of it.")


class AuditPage(Message):
    """A page of audited commands, oldest first."""

    collection: str = Field(description="The collection.")
    items: tuple[AuditEntry, ...] = Field(description="The commands.")
    next_after: int | None = Field(
        default=None, description="`after` of the next page; null if this is the last."
    )
