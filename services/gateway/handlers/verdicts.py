"""What an event says about the command that it answers."""

from functools import singledispatch

from pydantic import ValidationError

from services.gateway.domain.operations import State, Verdict
from services.gateway.handlers.answers import Forgotten, Operation, Recomputed, Settled
from services.gateway.ports import Told
from shared.contracts.base import Event
from shared.contracts.letters import LettersDropped, LettersReplayed
from shared.contracts.projection import (
    ProjectionHeld,
    ProjectionPreviewed,
    ProjectionRejected,
    ProjectionUpdated,
)
from shared.contracts.sources import SourceForgotten, SourceRejected
from shared.contracts.writing import WritingPublished

EventVerdict = Verdict[Operation]
ANSWERS: tuple[type[Event], ...] = (
    ProjectionUpdated,
    ProjectionHeld,
    ProjectionPreviewed,
    ProjectionRejected,
    SourceForgotten,
    SourceRejected,
    LettersReplayed,
    LettersDropped,
)
CONTRACTS = {contract.family: contract for contract in (*ANSWERS, WritingPublished)}
HELD = "points would move further than the budget allows; force applies it all the same"


def is_answer(family: str) -> bool:
    """Tell whether an event of this family may answer a command."""
    return family != WritingPublished.family and family in CONTRACTS


def read(told: Told) -> Event | None:
    """Read an event; nothing if it is of no interest here or cannot be read."""
    contract = CONTRACTS.get(told.family)
    try:
        return contract.model_validate_json(told.body) if contract else None
    except ValidationError:
        return None


def answered_by(event: Event) -> set[str]:
    """Return the ids of the commands that an event answers."""
    return {one for one in (event.correlation_id, *event.also_answers) if one}


@singledispatch
def judge(event: Event, correlation_id: str) -> EventVerdict:
    """Say what an event means for one of the commands that it answers.

    Raises:
        TypeError: It answers no command.
    """
    raise TypeError(f"{event.family} answers no command ({correlation_id})")


@judge.register
def _(event: ProjectionUpdated, correlation_id: str) -> EventVerdict:
    result = Recomputed(
        status="ok",
        correlation_id=correlation_id,
        collection=event.collection,
        record_count=event.model.record_count,
        version=event.model.version,
        movement=event.movement,
        decision=event.decision,
    )
    operation = _operation(event, correlation_id, State.DONE, result=result)
    return Verdict(State.DONE, operation, event.model.version)


@judge.register
def _(event: ProjectionPreviewed, correlation_id: str) -> EventVerdict:
    result = Recomputed(
        status="preview",
        correlation_id=correlation_id,
        collection=event.collection,
        record_count=event.decision.records,
        version=event.version,
        movement=event.movement,
        decision=event.decision,
        would_be_held=event.would_be_held,
    )
    return Verdict(State.DONE, _operation(event, correlation_id, State.DONE, result=result))


@judge.register
def _(event: ProjectionHeld, correlation_id: str) -> EventVerdict:
    operation = _operation(
        event,
        correlation_id,
        State.HELD,
        reason=HELD,
        version=event.version,
        movement=event.movement,
        decision=event.decision,
    )
    return Verdict(State.HELD, operation)


@judge.register(ProjectionRejected)
@judge.register(SourceRejected)
def _(event: ProjectionRejected | SourceRejected, correlation_id: str) -> EventVerdict:
    return Verdict(
        State.REJECTED, _operation(event, correlation_id, State.REJECTED, reason=event.reason)
    )


@judge.register
def _(event: SourceForgotten, correlation_id: str) -> EventVerdict:
    result = Forgotten(
        correlation_id=correlation_id,
        collection=event.collection,
        source_id=event.source_id,
        filename=event.filename,
        source_version=event.source_version,
    )
    return Verdict(State.DONE, _operation(event, correlation_id, State.DONE, result=result))


@judge.register(LettersReplayed)
@judge.register(LettersDropped)
def _(event: LettersReplayed | LettersDropped, correlation_id: str) -> EventVerdict:
    result = Settled(
        correlation_id=correlation_id,
        collection=event.collection,
        letters=event.letters,
        records=event.records,
        refused=event.refused,
        refusals=list(event.refusals),
    )
    return Verdict(State.DONE, _operation(event, correlation_id, State.DONE, result=result))


def _operation(event: Event, correlation_id: str, state: State, **facts: object) -> Operation:
    return Operation.model_validate(
        {"id": correlation_id, "state": state, "collection": event.collection, **facts}
    )
