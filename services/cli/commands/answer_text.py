"""Writes the answer to a command for people: what happened, and how far points moved."""

from collections.abc import Iterator

from services.cli.commands.tables import Row, percent
from shared.contracts.answers import Answer
from shared.contracts.base import Command, Event
from shared.contracts.collections import CollectionChanged, CollectionRecord
from shared.contracts.commands import Create, Delete, Refit
from shared.contracts.dead_letter_events import LettersDropped, LettersReplayed
from shared.contracts.jobs import JobChanged, JobsSubmitted
from shared.contracts.projection import (
    Decision,
    Movement,
    ProjectionHeld,
    ProjectionPreviewed,
    ProjectionUpdated,
)
from shared.contracts.sources import SourceForgotten
from shared.contracts.writing import MeasuredMovement, WritingPublished


def rows(answer: Answer, command: Command) -> Iterator[Row]:
    """List the facts of an answer, the outcome first."""
    if answer.event is None:
        yield "no answer", f"to {'the refit' if isinstance(command, Refit) else 'the command'}"
        return
    if isinstance(command, Create) and isinstance(answer.event, CollectionChanged):
        yield from _created(answer.event.record)
        return
    if isinstance(command, Delete) and isinstance(answer.event, CollectionChanged):
        yield "deleted", f"{answer.event.collection}; its name is never used again"
        return
    if isinstance(answer.event, JobsSubmitted | JobChanged):
        yield from _about_jobs(answer.event, answer.word)
        return
    yield from _told(answer.event, answer.word)
    if answer.published:
        yield from _published(answer.published, getattr(answer.event, "movement", None))


def _created(made: CollectionRecord) -> Iterator[Row]:
    yield "created", f"{made.name}, called {made.title}"
    yield "id", made.id
    for source in made.sources:
        yield "reads", f"{source.path}: {source.glob}"
    if made.sources:
        yield "next", "what is complete there is read and mapped; what comes later, too"
        yield "see", f"mapstream status --collection {made.name}"
    else:
        yield "next", "it has no source, so nothing is read for it"


def _told(event: Event, word: str) -> Iterator[Row]:
    match event:
        case ProjectionUpdated():
            yield from _updated(event)
        case ProjectionHeld():
            yield from _held(event)
        case ProjectionPreviewed():
            yield from _previewed(event)
        case SourceForgotten():
            yield word, f"{event.filename}: its records are off the map"
        case CollectionChanged():
            yield word, f"{event.collection} is called {event.record.title}"
            yield "revision", f"{event.record.revision:,}"
        case LettersReplayed() | LettersDropped():
            yield from _letters(event)
        case _:
            yield from _plain(event, word)


def _about_jobs(event: JobsSubmitted | JobChanged, word: str) -> Iterator[Row]:
    if isinstance(event, JobChanged):
        job = event.job
        yield word, f"job {job.id} is {job.state}: {job.kind} of {job.filename}"
        return
    for one in event.jobs:
        if one.job is not None:
            yield one.job.state, f"job {one.job.id}: {event.kind} of {one.job.filename}"
        else:
            yield "refused", f"{one.source}: {one.reason}"
    yield "see", "mapstream jobs watch"


def _plain(event: Event, word: str) -> Iterator[Row]:
    """Tell an event as it is: why, if it says so, else every fact of its own."""
    if reason := getattr(event, "reason", None):
        yield word, reason
        return
    yield word, f"collection {event.collection}"
    for name in type(event).model_fields:
        if name not in Event.model_fields:
            yield name.replace("_", " "), str(getattr(event, name))


def _letters(event: LettersReplayed | LettersDropped) -> Iterator[Row]:
    is_replay = isinstance(event, LettersReplayed)
    what = "records are in flight again" if is_replay else "records are given up"
    name = "replayed" if is_replay else "dropped"
    yield name, f"{event.letters:,} dead letters; {event.records:,} {what}"
    for one in event.refusals:
        yield "refused", f"{one.sequence}: {one.reason}"
    if event.refused > len(event.refusals):
        yield "refused", f"... and {event.refused - len(event.refusals):,} more"


def _held(event: ProjectionHeld) -> Iterator[Row]:
    yield "held", f"model {event.version} stays: points would move too far"
    yield from _movement(event.movement)
    yield "budget", f"{percent(event.decision.movement_budget)} of the map's diagonal"
    yield from _decision(event.decision)
    yield "to apply it", "mapstream refit --force"


def _previewed(event: ProjectionPreviewed) -> Iterator[Row]:
    yield "preview", f"nothing has changed; model {event.version} is current"
    yield from _movement(event.movement)
    yield from _decision(event.decision)
    if event.would_be_held:
        yield "would be held", f"above {percent(event.decision.movement_budget)}: --force"


def _updated(event: ProjectionUpdated) -> Iterator[Row]:
    model = event.model
    first, second = model.explained_variance_ratio
    yield "updated", f"model {model.version} is current ({model.reason})"
    yield "records", f"{model.record_count:,}"
    yield "axes", f"{percent(first)} + {percent(second)} of the variance"
    yield from _movement(event.movement)


def _movement(movement: Movement | None) -> Iterator[Row]:
    if movement is None:
        return
    yield "movement", f"{percent(movement.rms_share)} of the map's diagonal (root mean square)"
    before, after = percent(movement.explained_before), percent(movement.explained_after)
    yield "explained", f"{before} of the variance before, {after} after"


def _decision(decision: Decision) -> Iterator[Row]:
    yield "called for by", decision.trigger
    yield "records", f"{decision.records:,}, {decision.records_at_last_fit:,} at the last fit"
    limit, lost = decision.mean_shift_threshold, percent(decision.unexplained)
    yield "mean", f"{decision.mean_shift:.2g} standard deviations off, limit {limit:.2g}"
    yield "lost", f"{lost} of the variance, limit {percent(decision.unexplained_threshold)}"


def _published(files: WritingPublished, known: Movement | None) -> Iterator[Row]:
    if files.movement:
        yield "measured", _measured(files.movement, known.diagonal if known else 0.0)
    yield "files", f"{files.records:,} rows, dataset version {files.dataset_version}"


def _measured(moved: MeasuredMovement, diagonal: float) -> str:
    def length(value: float) -> str:
        return percent(value / diagonal) if diagonal else f"{value:.3g}"

    return (
        f"{moved.points:,} points moved: median {length(moved.median)}, "
        f"95% below {length(moved.p95)}, largest {length(moved.largest)}"
        + (" of the diagonal" if diagonal else " (units of the map)")
    )
