"""What is told of the pairs of two collections."""

from typing import Literal

from pydantic import Field

from services.gateway.domain.matching import State
from services.gateway.handlers.answers import Body
from shared.contracts.matches import TEXTS, MatchDecision

STATE = (
    "linked: the score is `link` or more; review: `review` or more, and somebody is to look at "
    "it; unmatched: less; accepted, rejected: somebody has decided that."
)


class Counts(Body):
    """How many records are in which state; together they are all of the collection."""

    linked: int = Field(ge=0, description="Score of `link` or more, nothing decided.")
    review: int = Field(ge=0, description="Score of `review` or more, nothing decided.")
    unmatched: int = Field(ge=0, description="Score below `review`, nothing decided.")
    accepted: int = Field(ge=0, description="Somebody has accepted the pair, whatever its score.")
    rejected: int = Field(ge=0, description="Somebody has rejected the pair, whatever its score.")


class Match(Body):
    """A record, and the one of the other collection that is nearest to it."""

    id: str = Field(description="The record.")
    other_id: str = Field(description="The nearest one; of equally near ones the first id.")
    score: float = Field(
        ge=-1, le=1, description="Cosine of the angle between the vectors; 1: the same direction."
    )
    state: State = Field(description=STATE)
    texts: str = Field(description=TEXTS)
    filename: str = Field(description="The source of the record.")
    other_filename: str = Field(description="The source of the nearest one.")
    text: str = Field(description="The beginning of its text.")
    other_text: str = Field(description="The beginning of the text of the nearest one.")
    decided: MatchDecision | None = Field(
        description="What was decided of them, by whom and when; null: nothing."
    )


class Matches(Body):
    """The pairs of two collections."""

    collection: str = Field(description="The collection: each of its records has one pair.")
    other: str = Field(description="The collection that it is matched with.")
    link: float = Field(description="From this score on a pair is linked.")
    review: float = Field(description="From this score on somebody is to look at it.")
    records: int = Field(ge=0, description="Records of the collection.")
    other_records: int = Field(ge=0, description="Records of the other one.")
    counts: Counts = Field(description="How many are in which state.")
    unused_decisions: int = Field(
        ge=0,
        description="Decisions that hold for no pair now: a text has changed, a record has gone, "
        "or another one is nearer.",
    )
    total: int = Field(ge=0, description="Pairs that were asked for.")
    items: list[Match] = Field(description="Some of them, the best first.")
    next_after: int | None = Field(description="`after` of the next page; null: there is none.")


class MatchResult(Body):
    """What became of one pair."""

    id: str = Field(description="The record.")
    other_id: str = Field(description="The one of the other collection.")
    outcome: Literal["decided", "unchanged", "refused"] = Field(
        description="unchanged: that had been decided before."
    )
    reason: str | None = Field(default=None, description="Why it was refused.")
    decided: MatchDecision | None = Field(
        default=None, description="What is decided of it now; null: nothing."
    )


class MatchResults(Body):
    """What became of each pair."""

    collection: str = Field(description="The collection.")
    other: str = Field(description="The collection that it is matched with.")
    items: list[MatchResult] = Field(description="One for each pair, in that order.")
