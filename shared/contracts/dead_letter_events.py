"""Events about dead letters: what became of those that somebody asked for."""

from typing import ClassVar

from pydantic import Field

from shared.contracts.base import Event, Message, Outcome, Reason

REFUSALS_TOLD = 100


class RefusedLetter(Message):
    """A dead letter that stays what it is."""

    sequence: int = Field(ge=1, description="Its place in stream DEAD_LETTERS.")
    reason: Reason = Field(description="Why, with the remedy if there is one.")


class LettersReplayed(Event):
    """Dead letters were sent again: their records are in flight, and mapped or dead thereafter."""

    family: ClassVar[str] = "letters.replayed"
    settles_as: ClassVar[Outcome | None] = "done"

    letters: int = Field(ge=0, description="Dead letters that were sent again.")
    records: int = Field(ge=0, description="Dead records that are in flight again.")
    refused: int = Field(ge=0, description="Dead letters that were not, and stay.")
    refusals: tuple[RefusedLetter, ...] = Field(
        default=(), description="Those that were not, at most a hundred."
    )


class LettersDropped(Event):
    """Dead letters were deleted; their records stay dead and are counted as dropped."""

    family: ClassVar[str] = "letters.dropped"
    settles_as: ClassVar[Outcome | None] = "done"

    letters: int = Field(ge=0, description="Dead letters that were deleted.")
    records: int = Field(ge=0, description="Dead records that were given up for good.")
    refused: int = Field(ge=0, description="Dead letters that were asked for and are not there.")
    refusals: tuple[RefusedLetter, ...] = Field(
        default=(), description="Those that are not there, at most a hundred."
    )
