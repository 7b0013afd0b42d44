"""The parameters and bodies of requests."""

from collections.abc import Callable, Sequence
from collections.abc import Collection as Names
from typing import Annotated, Any, Literal

from fastapi import Body, Path, Query
from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)
from pydantic.json_schema import SkipJsonSchema

from shared.contracts.commands import SAY_WHICH
from shared.contracts.times import TIME, parse_time
from shared.http.problems import ProblemError
from shared.services import Reader

MOST = 2**53
"""The largest whole number that every JSON reader gets right."""
MOST_LETTERS = 1000

COLLECTION = r"^[a-z0-9][a-z0-9_-]{0,62}$"

Natural = Annotated[int, Field(ge=0, le=MOST)]
Positive = Annotated[int, Field(ge=1, le=MOST)]

Collection = Annotated[
    Annotated[str, Field(pattern=COLLECTION)] | SkipJsonSchema[None],
    Query(
        description="The collection; if not given, the first that is served.",
    ),
]
Position = Annotated[
    Natural | SkipJsonSchema[None],
    Query(description="As `mapstream.since` of an earlier answer told it."),
]
KnownModel = Annotated[
    Positive | SkipJsonSchema[None],
    Query(description="With `since`: the model of the points that you have."),
]
After = Annotated[
    Natural | SkipJsonSchema[None],
    Query(description="Begin after this event; `Last-Event-ID` goes before it."),
]
Limit = Annotated[int, Query(ge=1, le=200, description="The most items in the answer.")]
Offset = Annotated[int, Query(ge=0, le=MOST, description="How many newer ones to leave out.")]
Version = Annotated[int, Path(ge=1, le=MOST, description="The model's version.")]
OperationId = Annotated[
    str, Path(pattern=r"^[A-Za-z0-9:._-]{1,128}$", description="The command's correlation id.")
]
LetterNumber = Annotated[int, Path(ge=1, le=MOST, description="The letter's number.")]
AfterEntry = Annotated[
    Natural, Query(description="Begin after this place; `next_after` of the page before.")
]
AfterLetter = Annotated[
    Natural, Query(description="Begin after this letter; `next_after` of the page before.")
]


AfterName = Annotated[
    str,
    Query(max_length=63, description="Begin after this name; `next_after` of the page before."),
]
Name = Annotated[str, Path(pattern=COLLECTION, description="The collection's name.")]


def _whole(value: object) -> object:
    """Take 2.0 for 2, as JSON does."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _said(value: object) -> object:
    """Take nothing for true that only equals it, as 1 does."""
    if value is not True:
        raise ValueError("true is its only value")
    return value


Source = Annotated[str, Field(min_length=1, max_length=4096)]
Time = Annotated[
    AwareDatetime | SkipJsonSchema[None],
    BeforeValidator(parse_time),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": TIME}),
]
OfStage = Annotated[
    Reader | SkipJsonSchema[None], Query(description="Only those that this stage gave up.")
]
OfSource = Annotated[
    Source | SkipJsonSchema[None],
    Query(description="Only those of this source: its filename, or its id."),
]
Since = Annotated[Time, Query(description="Only those that were given up then or later.")]


class CommandRequest(BaseModel):
    """The body of a command; what it does not know is a mistake, and so is null."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _has_values(cls, fields: Any) -> Any:
        """Refuse null, which a caller might send by mistake for a field that it has not got."""
        if isinstance(fields, dict):
            unset = [name for name, value in fields.items() if value is None]
            if unset:
                raise ValueError(f"null is no value for {', '.join(unset)}")
        return fields


class RefitRequest(CommandRequest):
    """Fit the projection to everything, and move the map to it."""

    dry_run: bool = Field(default=False, description="Only tell what it would bring.")
    force: bool = Field(
        default=False, description="Even if points move further than the budget allows."
    )
    reason: str = Field(
        default="http", max_length=200, description="Why, for the history of models."
    )


class RollbackRequest(CommandRequest):
    """Make an older model current again."""

    to_version: Annotated[Positive, BeforeValidator(_whole)] | SkipJsonSchema[None] = Field(
        default=None, description="The version; the parent if not given."
    )


class ForgetRequest(CommandRequest):
    """Take a source's records off the map."""

    source: str = Field(
        min_length=1, max_length=4096, description="Filename of the source, or its id."
    )


class DeadLettersRequest(CommandRequest):
    """Which dead letters are meant: those that fit every field that is given."""

    model_config = ConfigDict(
        json_schema_extra={
            "minProperties": 1,
            "examples": [{"sequences": [17, 18]}, {"stage": "embedding"}, {"all": True}],
        }
    )

    sequences: (
        Annotated[
            list[Annotated[Positive, BeforeValidator(_whole)]],
            Field(min_length=1, max_length=MOST_LETTERS),
        ]
        | SkipJsonSchema[None]
    ) = Field(default=None, description="Their numbers.")
    stage: Reader | SkipJsonSchema[None] = Field(
        default=None, description="Those that this stage gave up."
    )
    source: Source | SkipJsonSchema[None] = Field(
        default=None, description="Those of this source: its filename, or its id."
    )
    since: Time = Field(default=None, description="Those that were given up then or later.")
    all: Annotated[Literal[True], BeforeValidator(_said)] | SkipJsonSchema[None] = Field(
        default=None, description="Said if nothing else is: every letter of the collection."
    )

    @model_validator(mode="before")
    @classmethod
    def _says_which(cls, fields: Any) -> Any:
        """Refuse what would mean every letter without saying so."""
        if fields == {}:
            raise ValueError(SAY_WHICH)
        return fields

    def fields(self) -> dict[str, Any]:
        """Return the same as commands say it."""
        given = {name: getattr(self, name) for name in self.model_fields_set}
        return given | ({"sequences": tuple(self.sequences)} if self.sequences else {})


RefitBody = Annotated[RefitRequest | None, Body()]
RollbackBody = Annotated[RollbackRequest | None, Body()]


class Served:
    """The collections that are served: those of the configuration, and what discovery lists."""

    def __init__(self, configured: Sequence[str]) -> None:
        self._configured = tuple(configured)
        self._names = dict.fromkeys(self._configured)
        self.on_end: Callable[[str], None] = lambda _: None

    @property
    def names(self) -> Names[str]:
        """Their names as they are at any time; those of the configuration first."""
        return self._names.keys()

    def begin(self, name: str, *, is_configured: bool) -> None:
        """Serve one more."""
        del is_configured
        self._names.setdefault(name)

    def end(self, name: str) -> None:
        """Serve one no more, unless the configuration names it."""
        if name not in self._configured:
            del self._names[name]
            self.on_end(name)

    def one(self, name: str | None) -> str:
        """Return the collection that a request is about.

        Raises:
            ProblemError: It is not served.
        """
        if name is None:
            return self._configured[0]
        if name not in self.names:
            told = ", ".join(self.names)
            raise ProblemError(404, f"there is no collection '{name}'; there is: {told}")
        return name

    def some(self, name: str | None) -> Names[str]:
        """Return the collection that a request is about, or all that there are at any time.

        Raises:
            ProblemError: It is not served.
        """
        return self.names if name is None else (self.one(name),)
