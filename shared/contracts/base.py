"""What every JSON message has."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
)

from shared.redaction import redact

Collection = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
"""The name of one map: also the last token of every subject about it."""

Reason = Annotated[str, AfterValidator(redact)]
"""Why something is as it is, often in the words of others: it never holds a secret."""

MAX_INT64 = 2**63 - 1
"""Numbers that a store keeps are no larger; JSON itself has no limit."""

DEFAULT_COLLECTION = "default"

Outcome = Literal["done", "begun", "held", "previewed", "rejected"]
"""What became of a command."""


class Message(BaseModel):
    """A JSON body. Readers ignore fields they do not know, so that fields can be added."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Event(Message):
    """A fact about one collection, in the past tense."""

    family: ClassVar[str]
    """The subject's family, ``projection.updated``."""
    settles_as: ClassVar[Outcome | None] = None
    """What it says of the command that it answers; none: it answers none."""

    id: str = Field(
        min_length=1,
        description="Unique; the same cause always gives the same id, so that a "
        "stream drops the second copy.",
    )
    collection: Collection = Field(description="The collection that the event is about.")
    occurred_at: AwareDatetime = Field(description="When it happened, in UTC.")
    correlation_id: str | None = Field(
        default=None, description="The command that led to this event, if one did."
    )
    also_answers: tuple[str, ...] = Field(
        default=(), description="Correlation ids of commands that were folded into that one."
    )

    @classmethod
    def id_of(cls, *parts: object) -> str:
        """Make the id of such an event from what is unique about it."""
        return ":".join((cls.family, *map(str, parts)))

    @property
    def answered(self) -> frozenset[str]:
        """The correlation ids of the commands that it tells of."""
        return frozenset(one for one in (self.correlation_id, *self.also_answers) if one)


OPTIONAL = "correlation_id"
"""What of a command may be null: nothing depends on it but who is told."""


def _without_null(schema: dict[str, Any]) -> None:
    """Describe the fields as whoever sends them may write them: null is refused."""
    for name, described in schema["properties"].items():
        kinds = [one for one in described.get("anyOf", ()) if one != {"type": "null"}]
        if name != OPTIONAL and len(kinds) == 1:
            del described["anyOf"]
            described.update(kinds[0])


class Command(Message):
    """What anybody asks for, in the imperative; nothing unknown is taken, and nothing converted.

    A misspelt field that was passed over would leave its default, which may mean everything.
    """

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra=_without_null)

    family: ClassVar[str]
    """The subject's family, ``command.refit``."""
    may_be_empty: ClassVar[frozenset[str]] = frozenset()
    """Lists that say less than nothing said when they are empty; any other such is refused."""

    correlation_id: str | None = Field(
        default=None,
        description="Repeated by every event that results; made from the message if not given.",
    )
