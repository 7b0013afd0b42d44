"""What an event says about the command that it answers."""

from functools import singledispatch

from services.gateway.domain.operations import State, Verdict
from services.gateway.handlers.answers import (
    ChangedJob,
    Forgotten,
    Operation,
    Recomputed,
    Renamed,
    Settled,
    SubmittedJobs,
)
from services.gateway.handlers.upload_answers import Uploaded
from shared.contracts.base import Event, Outcome
from shared.contracts.collections import CollectionChanged
from shared.contracts.dead_letter_events import LettersDropped, LettersReplayed
from shared.contracts.jobs import JobChanged, JobsSubmitted
from shared.contracts.projection import (
    ProjectionHeld,
    ProjectionPreviewed,
    ProjectionUpdated,
)
from shared.contracts.sources import SourceForgotten, SourceRejected
from shared.contracts.uploads import SourceUploaded

EventVerdict = Verdict[Operation]
STATES: dict[Outcome | None, State] = {
    "done": State.DONE,
    "previewed": State.DONE,
    "held": State.HELD,
    "rejected": State.REJECTED,
}
HELD = "points would move further than the budget allows; force applies it all the same"


@singledispatch
def judge(event: Event, correlation_id: str) -> EventVerdict:
    """Say what an event means for one of the commands that it answers.

    Raises:
        KeyError: It answers no command.
    """
    state = STATES[event.settles_as]
    reason = getattr(event, "reason", None)
    return Verdict(state, _operation(event, correlation_id, state, reason=reason))


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


@judge.register
def _(event: SourceRejected, correlation_id: str) -> EventVerdict:
    facts = {"reason": event.reason, "is_unknown": event.is_unknown}
    return Verdict(State.REJECTED, _operation(event, correlation_id, State.REJECTED, **facts))


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


@judge.register
def _(event: SourceUploaded, correlation_id: str) -> EventVerdict:
    result = Uploaded(
        correlation_id=correlation_id,
        collection=event.collection,
        source_id=event.source_id,
        filename=event.filename,
        has_replaced=event.has_replaced,
        job=event.job,
    )
    return Verdict(State.DONE, _operation(event, correlation_id, State.DONE, result=result))


@judge.register
def _(event: CollectionChanged, correlation_id: str) -> EventVerdict:
    result = Renamed(
        correlation_id=correlation_id, collection=event.collection, record=event.record
    )
    return Verdict(State.DONE, _operation(event, correlation_id, State.DONE, result=result))


@judge.register
def _(event: JobsSubmitted, correlation_id: str) -> EventVerdict:
    result = SubmittedJobs(
        correlation_id=correlation_id,
        collection=event.collection,
        job_ids=[one.job.id for one in event.jobs if one.job is not None],
        jobs=list(event.jobs),
    )
    return Verdict(State.DONE, _operation(event, correlation_id, State.DONE, result=result))


@judge.register
def _(event: JobChanged, correlation_id: str) -> EventVerdict:
    result = ChangedJob(correlation_id=correlation_id, collection=event.collection, job=event.job)
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
