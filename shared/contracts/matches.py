"""Matches: what people decided of pairs of records of two collections."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, ConfigDict, Field, StringConstraints

from shared.contracts.base import MAX_INT64, Collection, Message, Reason

Decision = Literal["accept", "reject"]
Wish = Decision | Literal["undo"]
RecordId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{1,64}$")]
Texts = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
MOST_PAIRS = 200
"""In one wish."""
MOST_DECISIONS = 1000
"""On a page."""
OTHER = "The collection that it is matched with."
TEXTS = "Hash of their two texts: what is decided is decided of these."


class MatchPair(Message):
    """A record of a collection and one of another, with the texts that they have."""

    id: RecordId = Field(description="The record of the collection.")
    other_id: RecordId = Field(description="The record of the other one.")
    texts: Texts = Field(description=TEXTS)


class MatchDecision(MatchPair):
    """What was decided of a pair; it holds as long as both texts are these."""

    decision: Decision = Field(description="accept: they belong together; reject: they do not.")
    at: AwareDatetime = Field(description="When, in UTC.")
    by: str = Field(description="Who, as audits name people.")


class ListDecisions(Message):
    """Asks for what was decided of pairs of two collections, the oldest first."""

    model_config = ConfigDict(extra="forbid")

    collection: Collection = Field(description="The collection.")
    other: Collection = Field(description=OTHER)
    after: int = Field(default=0, ge=0, le=MAX_INT64, description="next_after of the page before.")
    limit: int = Field(
        default=MOST_DECISIONS, ge=1, le=MOST_DECISIONS, description="The most on the page."
    )


class DecisionPage(Message):
    """A page of decisions."""

    items: tuple[MatchDecision, ...] = Field(description="The decisions, one for each pair.")
    next_after: int | None = Field(
        default=None, description="`after` of the next page; null if this is the last."
    )


class DecideMatches(Message):
    """Has something decided of pairs: all of them in one transaction."""

    model_config = ConfigDict(extra="forbid")

    collection: Collection = Field(description="The collection.")
    other: Collection = Field(description=OTHER)
    decision: Wish = Field(description="undo: nothing is decided of them any more.")
    pairs: tuple[MatchPair, ...] = Field(
        min_length=1, max_length=MOST_PAIRS, description="The pairs."
    )
    by: str = Field(min_length=1, max_length=200, description="Who decides.")


class DecidedPair(Message):
    """What became of one pair."""

    is_changed: bool = Field(description="false: that had been decided before.")
    decided: MatchDecision | None = Field(
        default=None, description="What is decided of it now; null: nothing."
    )


class MatchesDecided(Message):
    """What became of that."""

    items: tuple[DecidedPair, ...] = Field(
        default=(), description="One for each pair, in that order; none if it was refused."
    )
    reason: Reason | None = Field(default=None, description="Why it was refused.")
