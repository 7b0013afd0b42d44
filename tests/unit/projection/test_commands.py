"""Commands as the service takes them: read, folded, carried out once, and always answered."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from faststream.nats import NatsBroker
from pydantic import BaseModel

from services.projection.domain.refits import Rules
from services.projection.domain.state import CollectionState
from services.projection.handlers.commands import ModelCommands
from services.projection.handlers.projector import Projector
from shared.bus.messages.outgoing import Outgoing
from shared.bus.messages.received import Delivery
from shared.bus.publishing.publisher import Publisher
from shared.bus.reading.commands import read_command
from shared.contracts.batches import Batch
from shared.contracts.commands import Refit, Rollback
from shared.contracts.reading import Unreadable
from shared.errors import InvalidMessage, OwnedElsewhere, TransientError
from tests.fakes.clock import FrozenClock
from tests.fakes.projection_store import FakeProjectionStore
from tests.fakes.roster import FakeRoster
from tests.unit.projection.stage import NO_DRIFT, piece

HOLDS = replace(NO_DRIFT, young_below=0, movement_budget=1e-9, refit_threshold=1e9)


class Recorder(Publisher):
    """Remembers what was published, as a stream does that drops second copies."""

    def __init__(self) -> None:
        super().__init__(NatsBroker(), "projection")
        self.sent: list[Outgoing] = []
        self.copies: list[str] = []
        self.audits: list[Outgoing] = []

    async def publish_all(self, messages: Iterable[Outgoing]) -> int:
        for message in messages:
            if message.channel.family == "audit.command":
                self.audits.append(message)
            elif message.message_id in {one.message_id for one in self.sent}:
                self.copies.append(message.message_id)
            else:
                self.sent.append(message)
        return len(self.sent)

    def of(self, family: str) -> list[Any]:
        contracts = [one for one in self.sent if one.channel.family == family]
        return [parsed(one) for one in contracts]

    @property
    def families(self) -> list[str]:
        return [one.channel.family for one in self.sent]


def parsed(message: Outgoing) -> BaseModel:
    assert message.channel.contract
    return message.channel.contract.model_validate_json(message.body)


class Theatre:
    """One collection, ``default``, and the commands for all."""

    def __init__(self, rules: Rules = NO_DRIFT) -> None:
        self.publisher = Recorder()
        self.store = FakeProjectionStore()
        self.clock = FrozenClock()
        self.projector = Projector(
            CollectionState("default"), store=self.store, clock=self.clock, rules=rules
        )
        self.projectors = {"default": self.projector}
        self.roster = FakeRoster()
        self.commands = ModelCommands(self.projectors, self.clock, self.roster, patience_s=0.05)
        self.sequence = 0

    async def batches(self, *batches: Batch) -> None:
        await self.publisher.publish_steps(self.projector.project(batches))

    async def say(self, *deliveries: Delivery) -> None:
        received = [read_command(one) for one in deliveries]
        await self.publisher.publish_steps(self.commands.carry_out(received))

    async def forget(self) -> None:
        await self.publisher.publish_steps(self.projector.forget())

    def command(self, body: bytes = b"{}", kind: str = "refit", **changes: Any) -> Delivery:
        self.sequence += 1
        return command(body, kind, sequence=self.sequence, **changes)

    @property
    def version(self) -> int:
        assert self.projector.state.model is not None
        return self.projector.state.model.version


def command(
    body: bytes = b"{}",
    kind: str = "refit",
    *,
    sequence: int = 1,
    deliveries: int = 1,
    collection: str = "default",
    wish: str | None = None,
) -> Delivery:
    return Delivery(
        subject=f"command.{kind}.{collection}",
        body=body,
        headers={"Nats-Msg-Id": wish} if wish else {},
        sequence=sequence,
        deliveries=deliveries,
        timestamp="2026-01-01T00:00:00+00:00",
    )


def again(one: Delivery) -> Delivery:
    return replace(one, deliveries=one.deliveries + 1)


async def theatre(rules: Rules = NO_DRIFT) -> Theatre:
    found = Theatre(rules)
    await found.batches(piece(0, 8))
    return found


# --- reading


@pytest.mark.parametrize("body", [b"{}", b""])
@pytest.mark.parametrize(("kind", "wanted"), [("refit", Refit()), ("rollback", Rollback())])
def test_nothing_is_a_complete_command(body: bytes, kind: str, wanted: Refit | Rollback) -> None:
    assert read_command(command(body, kind)).command == wanted


@pytest.mark.parametrize(
    ("kind", "body", "complaint"),
    [
        ("refit", b"{", "body: "),
        ("refit", b"[]", "body: "),
        ("refit", b"null", "body: "),
        ("refit", b"7", "body: "),
        ("refit", b"\xff", "body: "),
        ("refit", b'{"reason": 7}', "reason: "),
        ("refit", b'{"dry_run": "perhaps"}', "dry_run: "),
        ("refit", b'{"force": [], "reason": {}}', "force: "),
        ("refit", b'{"reason": "' + b"x" * 201 + b'"}', "reason: "),
        ("refit", b'{"correlation_id": 7}', "correlation_id: "),
        ("rollback", b'{"to_version": "two"}', "to_version: "),
        ("rollback", b'{"to_version": 0}', "to_version: "),
        ("rollback", b'{"to_version": 1.5}', "to_version: "),
    ],
)
def test_a_body_that_cannot_be_read_is_a_refusal_that_names_the_field(
    kind: str, body: bytes, complaint: str
) -> None:
    wish = read_command(command(body, kind, wish="wish-1"))

    assert isinstance(wish.command, Unreadable)
    assert wish.command.reason.startswith("the command cannot be read: ")
    assert complaint in wish.command.reason
    assert (wish.collection, wish.cause) == ("default", "wish-1")


@pytest.mark.parametrize("collection", ["Default", "a b", "é", "_a", "a" * 64])
def test_a_subject_that_names_no_collection_is_buried(collection: str) -> None:
    with pytest.raises(InvalidMessage, match="cannot name a collection"):
        read_command(command(collection=collection))


def test_a_cause_is_the_commands_own_word_the_messages_id_or_its_place() -> None:
    own = read_command(command(b'{"correlation_id": "own"}', wish="wish-1"))
    header = read_command(command(wish="wish-1"))
    place = read_command(command(sequence=7))

    assert (own.cause, header.cause) == ("own", "wish-1")
    assert place.cause == "command.refit.default@7@2026-01-01T00:00:00+00:00"
    later = replace(command(sequence=7), timestamp="2026-01-02T00:00:00+00:00")
    assert read_command(later).cause != place.cause
    assert read_command(again(command(sequence=7))).cause == place.cause


# --- answers


async def test_a_refit_is_answered_after_the_model_went_to_the_writers() -> None:
    on = await theatre()
    await on.batches(piece(3, 4))

    await on.say(on.command(b'{"correlation_id": "own", "reason": "why not"}'))

    assert on.publisher.families[-2:] == ["projection.model", "projection.updated"]
    told = on.publisher.of("projection.updated")[-1]
    assert (told.correlation_id, told.also_answers) == ("own", ())
    assert (told.model.version, told.model.reason) == (2, "why not")
    assert told.movement.rms > 0
    assert (told.decision.trigger, told.decision.records) == ("command", 12)
    assert await on.store.unannounced("default") == []


@pytest.mark.parametrize(
    ("kind", "body", "reason"),
    [
        ("refit", b"{", "cannot be read"),
        ("rollback", b'{"to_version": 9}', "no version 9"),
        ("rollback", b"{}", "no parent"),
        ("rollback", b'{"to_version": 1}', "current"),
    ],
)
async def test_a_refusal_says_which_command_and_why(kind: str, body: bytes, reason: str) -> None:
    on = await theatre()

    await on.say(on.command(body, kind, wish="wish-1"))

    (told,) = on.publisher.of("projection.rejected")
    assert reason in told.reason
    assert (told.command, told.correlation_id) == (f"command.{kind}.default", "wish-1")
    assert on.version == 1
    await on.say(on.command())
    assert on.version == 2


async def test_a_command_for_a_collection_that_nobody_serves_is_refused() -> None:
    on = await theatre()

    await on.say(on.command(collection="nobody"), on.command(b"{", collection="nobody"))

    second, first = on.publisher.of("projection.rejected")
    assert first.collection == second.collection == "nobody"
    assert "nobody serves collection 'nobody': there is none of this name" in first.reason
    assert "cannot be read" in second.reason
    assert first.command == "command.refit.nobody"
    assert on.version == 1


async def test_commands_for_a_collection_that_is_about_to_be_worked_on_wait_for_it() -> None:
    on = await theatre()
    other = Theatre()
    other.projector = Projector(
        CollectionState("other"), store=other.store, clock=other.clock, rules=NO_DRIFT
    )
    await other.batches(piece(3, 4))
    on.roster.names = {"other"}
    asking = on.command(collection="other", wish="early")

    with pytest.raises(TransientError, match="not worked on yet"):
        await on.say(asking, on.command())
    assert on.publisher.of("projection.rejected") == []
    assert on.version == 2
    assert len(on.publisher.audits) == 1

    waiting = asyncio.ensure_future(on.say(replace(asking, deliveries=2)))
    await asyncio.sleep(0)
    on.projectors["other"] = other.projector
    await waiting
    assert on.publisher.of("projection.updated")[-1].collection == "other"
    assert other.projector.state.model is not None
    assert other.projector.state.model.version == 2
    assert on.publisher.of("projection.rejected") == []


async def test_a_command_for_what_another_replica_works_on_is_given_back_at_once() -> None:
    on = await theatre()
    on.roster.elsewhere = {"other"}
    asking = on.command(collection="other")

    with pytest.raises(OwnedElsewhere):
        await on.say(asking, on.command())
    assert on.version == 2
    assert len(on.publisher.audits) == 1
    assert on.publisher.of("projection.rejected") == []


async def test_a_command_is_given_back_when_another_replica_takes_its_collection_up() -> None:
    on = await theatre()
    on.roster.names = {"other"}
    waiting = asyncio.ensure_future(on.say(on.command(collection="other")))
    await asyncio.sleep(0)
    on.roster.elsewhere = {"other"}

    with pytest.raises(OwnedElsewhere):
        await waiting


async def test_nothing_is_refused_while_nobody_says_which_collections_there_are() -> None:
    on = await theatre()
    on.roster.failures = 1

    with pytest.raises(TransientError, match="does not answer"):
        await on.say(on.command(collection="nobody"))
    assert on.publisher.of("projection.rejected") == []
    await on.say(on.command(collection="nobody"))
    assert len(on.publisher.of("projection.rejected")) == 1


async def test_a_held_refit_and_a_dry_run_are_answered() -> None:
    on = await theatre(HOLDS)
    await on.batches(piece(3, 4))

    await on.say(on.command(b'{"dry_run": true}', wish="look"))
    await on.say(on.command(wish="try"))

    (seen,) = on.publisher.of("projection.previewed")
    assert (seen.correlation_id, seen.version, seen.would_be_held) == ("look", 1, True)
    (held,) = on.publisher.of("projection.held")
    assert (held.correlation_id, held.version) == ("try", 1)
    assert held.movement == seen.movement
    assert held.decision == seen.decision
    assert on.version == 1

    await on.say(on.command(b'{"force": true}', wish="force"))
    assert on.version == 2
    assert on.publisher.of("projection.updated")[-1].movement == held.movement


async def test_an_automatic_hold_is_told_without_a_cause() -> None:
    on = await theatre(replace(HOLDS, refit_threshold=2.0))

    await on.batches(piece(3, 20))
    await on.batches(piece(4, 2))

    (held,) = on.publisher.of("projection.held")
    assert (held.correlation_id, held.also_answers, held.version) == (None, (), 1)
    assert held.decision.trigger == "threshold"
    assert on.publisher.families.index("projection.held") < len(on.publisher.sent) - 1


@pytest.mark.parametrize(
    ("family", "kind", "body"),
    [
        ("projection.rejected", "rollback", b'{"correlation_id": "own", "to_version": 9}'),
        ("projection.previewed", "refit", b'{"correlation_id": "own", "dry_run": true}'),
        ("projection.held", "refit", b'{"correlation_id": "own"}'),
    ],
)
async def test_every_command_has_its_own_answer_and_a_second_delivery_the_same(
    family: str, kind: str, body: bytes
) -> None:
    """The stream drops what has the id of an answer that it holds: a copy, and nothing else."""
    on = await theatre(HOLDS)
    await on.batches(piece(3, 4))
    first = on.command(body, kind)

    await on.say(first)
    await on.say(again(first))
    await on.say(on.command(body, kind))

    answers = on.publisher.of(family)
    assert [one.correlation_id for one in answers] == ["own", "own"]
    assert on.publisher.copies == [answers[0].id]


# --- folding


def updated(on: Theatre) -> list[tuple[str | None, tuple[str, ...]]]:
    return [
        (one.correlation_id, one.also_answers) for one in on.publisher.of("projection.updated")
    ][1:]


async def test_refits_in_a_row_are_folded_into_one_that_answers_all() -> None:
    on = await theatre()

    await on.say(*(on.command(wish=f"wish-{n}") for n in range(5)))

    assert on.version == 2
    assert updated(on) == [("wish-0", ("wish-1", "wish-2", "wish-3", "wish-4"))]


async def test_folded_refusals_and_previews_answer_all_too() -> None:
    on = Theatre()
    await on.say(on.command(wish="a"), on.command(wish="b"))
    await on.batches(piece(0, 8))
    await on.say(*(on.command(b'{"dry_run": true}', wish=one) for one in "cd"))

    (refused,) = on.publisher.of("projection.rejected")
    (seen,) = on.publisher.of("projection.previewed")
    assert (refused.correlation_id, refused.also_answers) == ("a", ("b",))
    assert (seen.correlation_id, seen.also_answers) == ("c", ("d",))


@pytest.mark.parametrize(
    ("bodies", "models"),
    [
        ([b"{}", b'{"force": true}'], 2),
        ([b"{}", b'{"dry_run": true}', b"{}"], 2),
        ([b"{}", b'{"reason": "another"}'], 1),
        ([b"{}", b"{", b"{}"], 2),
    ],
    ids=["force", "dry run between", "another reason", "unreadable between"],
)
async def test_what_differs_is_not_folded(bodies: Sequence[bytes], models: int) -> None:
    on = await theatre()

    await on.say(*(on.command(body) for body in bodies))

    assert on.version == 1 + models


async def test_commands_for_two_collections_are_not_folded() -> None:
    on = await theatre()

    await on.say(on.command(wish="a"), on.command(collection="nobody", wish="b"))

    assert updated(on) == [("a", ())]
    (refused,) = on.publisher.of("projection.rejected")
    assert refused.correlation_id == "b"


async def test_rollbacks_are_never_folded_even_if_they_share_a_correlation_id() -> None:
    on = await theatre()
    await on.say(on.command())
    await on.say(on.command())
    bodies = (b'{"correlation_id": "s", "to_version": 1}', b'{"correlation_id": "s"}')

    await on.say(*(on.command(body, "rollback") for body in bodies))

    assert on.version == 5
    reasons = [one.model.reason for one in on.publisher.of("projection.updated")][-2:]
    assert reasons == ["rollback to 1", "rollback to 3"]


# --- once


async def test_a_command_that_was_carried_out_is_not_when_it_comes_again() -> None:
    on = await theatre()
    one = on.command(wish="wish-1")
    await on.say(one)

    await on.say(again(one))

    assert on.version == 2
    assert updated(on) == [("wish-1", ())]


async def test_nor_when_other_models_came_after_it() -> None:
    """Else a rollback would be undone by its own second delivery."""
    on = await theatre()
    await on.say(on.command())
    back = on.command(kind="rollback", wish="back")
    await on.say(back)
    await on.batches(piece(5, 100))
    assert on.version == 4

    await on.say(again(back))

    assert on.version == 4


async def test_folded_commands_that_come_again_are_not_repeated() -> None:
    on = await theatre()
    wishes = [on.command(wish=f"wish-{n}") for n in range(3)]
    await on.say(*wishes)

    await on.say(*map(again, wishes))
    await on.say(again(wishes[2]))

    assert on.version == 2


async def test_a_command_that_failed_is_carried_out_when_it_comes_again() -> None:
    on = await theatre()
    one = on.command(wish="wish-1")
    on.store.failures = 1
    with pytest.raises(TransientError):
        await on.say(one)

    await on.say(again(one))

    assert on.version == 2
    assert updated(on) == [("wish-1", ())]


async def test_a_new_command_may_have_the_correlation_id_of_an_older_one() -> None:
    """The id is the caller's, and so is the choice to have one for a whole session."""
    on = await theatre()
    session = b'{"correlation_id": "session"}'
    await on.say(on.command(session))

    await on.say(on.command(session))
    await on.say(on.command(b'{"correlation_id": "session", "dry_run": true}'))
    await on.say(on.command(session, "rollback"))

    assert on.version == 4
    assert [one for one, _ in updated(on)] == ["session"] * 3
    (seen,) = on.publisher.of("projection.previewed")
    assert seen.correlation_id == "session"


# --- what is owed to forgotten records


async def test_a_model_without_the_forgotten_is_announced_once() -> None:
    on = await theatre()
    await on.forget()
    assert on.version == 1
    on.projector.state.owes_refit = True

    await on.forget()
    await on.forget()

    assert on.version == 2
    told = on.publisher.of("projection.updated")[-1]
    assert (told.model.reason, told.decision.trigger) == ("forget", "forget")
    assert told.correlation_id is None


async def test_the_budget_does_not_hold_what_is_to_be_forgotten() -> None:
    on = await theatre(HOLDS)
    await on.batches(piece(3, 30))
    on.projector.state.owes_refit = True

    await on.forget()

    assert on.version == 2
    assert on.publisher.of("projection.held") == []


async def test_a_model_that_could_not_be_announced_is_when_its_command_comes_again() -> None:
    stage = await theatre()
    asked = stage.command()
    failing = stage.commands.carry_out([read_command(asked)])
    await anext(failing)
    await failing.aclose()
    before = len(stage.publisher.sent)

    await stage.say(again(asked))

    assert stage.publisher.families[before:] == ["projection.model", "projection.updated"]
    assert stage.version == 2
