"""The parameters and bodies of requests."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import Body, Path, Query
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

from services.gateway.routes.problems import ProblemError

MOST = 2**53
"""The largest whole number that every JSON reader gets right."""

Natural = Annotated[int, Field(ge=0, le=MOST)]
Positive = Annotated[int, Field(ge=1, le=MOST)]

Collection = Annotated[
    Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")] | SkipJsonSchema[None],
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


def _whole(value: object) -> object:
    """Take 2.0 for 2, as JSON does."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


class Wish(BaseModel):
    """The body of a command; what it does not know is a mistake."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class RefitWish(Wish):
    """Fit the projection to everything, and move the map to it."""

    dry_run: bool = Field(default=False, description="Only tell what it would bring.")
    force: bool = Field(
        default=False, description="Even if points move further than the budget allows."
    )
    reason: str = Field(
        default="http", max_length=200, description="Why, for the history of models."
    )


class RollbackWish(Wish):
    """Make an older model current again."""

    to_version: Annotated[Positive, BeforeValidator(_whole)] | SkipJsonSchema[None] = Field(
        default=None, description="The version; the parent if not given."
    )


class ForgetWish(Wish):
    """Take a source's records off the map."""

    source: str = Field(
        min_length=1, max_length=4096, description="Filename of the source, or its id."
    )


RefitBody = Annotated[RefitWish | SkipJsonSchema[None], Body()]
RollbackBody = Annotated[RollbackWish | SkipJsonSchema[None], Body()]


class Served:
    """The collections that are served."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)

    def one(self, name: str | None) -> str:
        """Return the collection that a request is about.

        Raises:
            ProblemError: It is not served.
        """
        if name is None:
            return self.names[0]
        if name not in self.names:
            told = ", ".join(self.names)
            raise ProblemError(404, f"there is no collection '{name}'; there is: {told}")
        return name

    def some(self, name: str | None) -> tuple[str, ...]:
        """Return the collection that a request is about, or all.

        Raises:
            ProblemError: It is not served.
        """
        return self.names if name is None else (self.one(name),)
