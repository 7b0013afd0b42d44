import asyncio
from dataclasses import replace
from typing import Any

import pytest

from services.gateway.domain.operations import State
from services.gateway.handlers.answers import Forgotten, Recomputed, Renamed, Settled
from services.gateway.handlers.commands import Commands
from services.gateway.ports import MapMarks
from services.gateway.routes.commands import settled
from shared.contracts.collections import CollectionChanged
from shared.contracts.commands import Drop, Forget, Refit, Rename, Replay, Rollback, Submit
from shared.contracts.dead_letter_events import LettersDropped, LettersReplayed
from shared.contracts.projection import (
    ProjectionHeld,
    ProjectionPreviewed,
    ProjectionRejected,
    ProjectionUpdated,
)
from shared.contracts.sources import SourceForgotten, SourceRejected
from shared.contracts.writing import WritingPublished
from shared.errors import BusAway
from shared.http.problems import ProblemError
from tests.unit.gateway.builders import (
    COLLECTION,
    MOVEMENT,
    FakeCommandBus,
    FakeEventLog,
    FakeMapReader,
    event,
    model,
)
from tests.waiting import PATIENCE_S


class World:
    def __init__(self, *replies: Any, patience_s: float = 5.0, is_away: bool = False) -> None:
        self.events = FakeEventLog()
        self.bus = FakeCommandBus(self.events, *replies, is_away=is_away)
        self.maps = FakeMapReader(MapMarks(1, 1, 7))
        self.commands = self.another(patience_s)

    def another(self, patience_s: float = 5.0) -> Commands:
        return Commands(
            ("default",),
            bus=self.bus,
            events=self.events,
            maps=self.maps,
            patience_s=patience_s,
        )


def updated(version: int) -> Any:
    return lambda one: event(ProjectionUpdated, one, model=model(version))


def published(version: int) -> Any:
    return lambda _: event(WritingPublished, model_version=version)


@pytest.mark.parametrize(
    "replies",
    [(updated(2), published(2)), (published(3), updated(2)), (updated(1),)],
    ids=["in order", "the files are faster", "the files have it already"],
)
async def test_a_refit_is_done_when_the_files_hold_its_map(replies: tuple[Any, ...]) -> None:
    world = World(*replies)

    operation = await world.commands.carry_out("default", Refit(reason="now"))

    assert operation.state is State.DONE
    assert isinstance(operation.result, Recomputed)
    assert (operation.result.status, operation.result.record_count) == ("ok", 7)
    ((collection, command),) = world.bus.sent
    assert (collection, command.correlation_id) == ("default", operation.id)


async def test_a_new_model_whose_files_take_longer_is_pending() -> None:
    world = World(updated(2), published(1), patience_s=0.05)

    operation = await world.commands.carry_out("default", Rollback())

    assert (operation.state, operation.command) == (State.PENDING, "rollback")
    world.maps.told = MapMarks(2, 2, 7)
    found = await world.commands.find(operation.id)
    assert found
    assert (found.state, found.command) == (State.DONE, "rollback")


async def test_an_answer_to_somebody_else_is_none() -> None:
    world = World(lambda _: event(ProjectionRejected, "somebody else"), patience_s=0.05)

    operation = await world.commands.carry_out("default", Refit())

    assert operation.state is State.PENDING


async def test_a_command_that_was_folded_into_another_is_answered_with_it() -> None:
    world = World(
        lambda one: event(ProjectionUpdated, "other", model=model(1), also_answers=(one,))
    )

    operation = await world.commands.carry_out("default", Refit())

    assert operation.state is State.DONE
    assert isinstance(operation.result, Recomputed)
    assert operation.result.correlation_id == operation.id


async def test_a_held_refit_tells_the_figures() -> None:
    world = World(lambda one: event(ProjectionHeld, one))

    operation = await world.commands.carry_out("default", Refit())

    assert (operation.state, operation.movement, operation.version) == (State.HELD, MOVEMENT, 1)


async def test_a_preview_changes_nothing_so_no_file_is_waited_for() -> None:
    world = World(lambda one: event(ProjectionPreviewed, one, version=9))

    operation = await world.commands.carry_out("default", Refit(dry_run=True))

    assert operation.state is State.DONE
    assert isinstance(operation.result, Recomputed)
    assert (operation.result.status, operation.result.would_be_held) == ("preview", True)


@pytest.mark.parametrize(
    ("command", "kind"), [(Refit(), ProjectionRejected), (Forget(source="a"), SourceRejected)]
)
async def test_a_rejected_command_tells_the_reason(command: Any, kind: Any) -> None:
    world = World(lambda one: event(kind, one, command="x", reason="why"))

    operation = await world.commands.carry_out("default", command)

    assert (operation.state, operation.reason) == (State.REJECTED, "why")


@pytest.mark.parametrize(("is_unknown", "status"), [(True, 404), (False, 409)])
async def test_what_is_not_there_is_not_found(is_unknown: bool, status: int) -> None:
    reason = {"reason": "why", "is_unknown": is_unknown}
    world = World(lambda one: event(SourceRejected, one, command="x", **reason))

    operation = await world.commands.carry_out("default", Submit(kind="delete", sources=("a",)))

    with pytest.raises(ProblemError) as refused:
        settled(operation, rejected=409)
    assert (refused.value.status, refused.value.detail) == (status, "why")


async def test_a_forgotten_source_is_named() -> None:
    world = World(lambda one: event(SourceForgotten, one))

    operation = await world.commands.carry_out("default", Forget(source="a.jsonl"))

    assert isinstance(operation.result, Forgotten)
    assert operation.result.filename == "a.jsonl"


@pytest.mark.parametrize(
    ("command", "kind"),
    [(Replay(all=True), LettersReplayed), (Drop(sequences=(3, 4)), LettersDropped)],
)
async def test_letters_that_are_settled_are_counted(command: Any, kind: Any) -> None:
    world = World(lambda one: event(kind, one))

    operation = await world.commands.carry_out("default", command)

    result = operation.result
    assert isinstance(result, Settled)
    assert (operation.state, result.letters, result.records) == (State.DONE, 2, 9)
    assert [(one.sequence, one.reason) for one in result.refusals] == [(3, "why")]
    found = await world.another().find(operation.id)
    assert found
    assert found.result == result


async def test_a_command_that_the_bus_did_not_take_is_no_operation() -> None:
    world = World(is_away=True)

    with pytest.raises(BusAway):
        await world.commands.carry_out("default", Refit())


async def test_another_gateway_finds_the_operation_on_the_bus() -> None:
    world = World(lambda one: event(ProjectionHeld, one))
    operation = await world.commands.carry_out("default", Refit())

    other = world.another()
    found = await other.find(operation.id)

    assert found
    assert (found.state, found.command) == (State.HELD, None)
    assert await other.find("nobody") is None
    await other.find(operation.id)
    assert world.events.scans == 2  # the second time it is remembered


async def test_answers_that_pass_by_are_remembered() -> None:
    world = World(patience_s=0)
    operation = await world.commands.carry_out("default", Refit())
    watching = asyncio.create_task(world.commands.watch())
    await asyncio.sleep(0)

    world.events.tell(event(ProjectionRejected, operation.id))
    async with asyncio.timeout(PATIENCE_S):
        while (found := await world.commands.find(operation.id)) and found.state == "pending":
            await asyncio.sleep(0)
    watching.cancel()

    assert found
    assert (found.state, found.command) == (State.REJECTED, "refit")
    assert world.events.scans == 0


async def test_an_event_that_cannot_be_read_is_passed_over() -> None:
    world = World(lambda one: event(ProjectionRejected, one))
    await world.commands.carry_out("default", Refit())
    broken = world.events.told[0]
    world.events.told.append(replace(broken, sequence=2, body=b"{}"))

    assert await world.another(0.05).find("nobody") is None


async def test_a_renamed_collection_is_told_whole() -> None:
    world = World(lambda one: event(CollectionChanged, one))

    done = await world.commands.carry_out("default", Rename(title="T"))

    assert (done.state, done.command) == (State.DONE, "rename")
    assert isinstance(done.result, Renamed)
    assert (done.result.correlation_id, done.result.record) == (done.id, COLLECTION)
