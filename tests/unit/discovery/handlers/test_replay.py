"""Dead letters that are sent again or given up, whatever fails meanwhile."""

from contextlib import suppress
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.discovery.adapters.json_lines_format import agent_run_format
from services.discovery.domain.dead_letters import Resend
from services.discovery.domain.ledger import Commit
from services.discovery.domain.runs import ONE_BY_ONE
from services.discovery.domain.sources import source_id
from services.discovery.handlers import accounts
from services.discovery.handlers.found import SourceToRead
from services.discovery.handlers.moved_letters import MovedLetters
from services.discovery.handlers.replay import (
    GONE,
    REREAD_BYTES,
    LetterCommand,
    ReplayContext,
    ReplayResult,
    drop,
    in_portions,
    replay,
    send_again,
)
from services.discovery.handlers.reread import SourceRereader
from services.discovery.handlers.source_locks import SourceLocks
from shared.contracts.batches import Batch, decode, encode
from shared.contracts.commands import Selection
from shared.contracts.dead_letters import DeadLetter
from shared.errors import TransientError
from tests.builders import NOW, record_id
from tests.fakes.letter_box import FakeBus, FakeDeadLetterStore
from tests.fakes.source_repository import FakeSourceRepository
from tests.fakes.state_store import FakeStateStore
from tests.unit.discovery.builders import (
    FrozenClock,
    end_of,
    final,
    iteration,
    log,
    looked,
    read_all,
)

NAME = "a.jsonl"
ID = source_id("default", NAME)


def dead_record(batch: Batch, position: int, reason: str = "refused") -> DeadLetter:
    """What embedding makes of a text that its server refuses."""
    facts = batch.descriptor
    alone = Batch(facts, batch.rows.slice(position, 1))
    record_id = alone.rows["id"][0].as_py()
    return DeadLetter(
        key=f"{facts.delivery_id}:{record_id}",
        stage="embedding",
        collection="default",
        reason=reason,
        body=encode(alone),
        filename=facts.filename,
        record_id=record_id,
        source_id=facts.source_id,
        source_version=facts.source_version,
        batch_id=facts.batch_id,
    )


def dead_batch(batch: Batch, stage: str = "writing") -> DeadLetter:
    facts = batch.descriptor
    return DeadLetter(
        key=facts.delivery_id,
        stage=stage,
        collection="default",
        reason="broken",
        body=encode(batch),
        records=len(batch),
        filename=facts.filename,
        source_id=facts.source_id,
        source_version=facts.source_version,
        batch_id=facts.batch_id,
    )


class World:
    """Discovery, and a pipeline behind it that refuses some texts and some batches."""

    def __init__(self) -> None:
        self.repository = FakeSourceRepository()
        self.store = FakeStateStore()
        self.box = FakeDeadLetterStore()
        self.bus = FakeBus()
        self.clock = FrozenClock()
        self.refused: set[str] = set()
        """Texts that embedding gives up."""
        self.broken: set[str] = set()
        """Texts whose whole batch writing gives up."""
        self.map: list[tuple[str, str]] = []
        """Ids and texts of the records that are stored, batch by batch."""
        self.stored: set[str] = set()
        self.done: set[str] = set()
        self.context = ReplayContext(
            ledger=self.store,
            store=MovedLetters(self.box, self.store),
            reread=SourceRereader(self.repository, self.store, self.store, self.clock),
            locks=SourceLocks(),
        )

    async def read(self, content: bytes, *, max_line_bytes: int = 1 << 20) -> None:
        self.repository.format = agent_run_format(max_line_bytes)
        self.repository.put(NAME, content)
        for found in await looked(self.repository, self.store):
            if isinstance(found, SourceToRead):
                version, end = found.source_version, end_of(found)
                for piece in await read_all(found, self.repository):
                    await self.take(piece)
                await accounts.source_read(ID, version, end, self.store, self.clock)

    async def take(self, piece: Batch | DeadLetter) -> None:
        if isinstance(piece, DeadLetter):
            await self.bury(piece)
        else:
            await accounts.batch_read(piece.descriptor, self.store)
            await self.embed(piece)

    async def bury(self, letter: DeadLetter) -> None:
        self.box.put(letter)
        await accounts.dead_lettered([letter], self.store, self.clock)

    async def embed(self, batch: Batch) -> None:
        texts = batch.rows["text"].to_pylist()
        for position, text in enumerate(texts):
            if text in self.refused:
                await self.bury(dead_record(batch, position))
        kept = [n for n, text in enumerate(texts) if text not in self.refused]
        await self.write(Batch(batch.descriptor, batch.rows.take(pa.array(kept, pa.int64()))))

    async def write(self, batch: Batch) -> None:
        facts = batch.descriptor
        texts = batch.rows["text"].to_pylist()
        if self.broken & set(texts):
            await self.bury(dead_batch(batch))
            return
        if facts.batch_id not in self.stored:
            self.map += zip(batch.rows["id"].to_pylist(), texts, strict=True)
            self.stored.add(facts.batch_id)
        commit = Commit(facts.batch_id, ID, facts.source_version, len(batch))
        await self.store.apply_committed([commit], NOW)

    async def deliver(self) -> None:
        """Let the stages take what was sent again."""
        for message_id, resend in list(self.bus.sent.items()):
            if message_id not in self.done:
                self.done.add(message_id)
                await self.take_again(resend)

    async def take_again(self, resend: Resend) -> None:
        batch = decode(resend.body)
        assert (batch.descriptor.batch_id, len(batch)) == (resend.batch_id, resend.records)
        await (self.write(batch) if resend.stage == "writing" else self.embed(batch))

    async def replay(self, key: str = "k", **selection: Any) -> ReplayResult:
        result = ReplayResult()
        asked = self.asked(key, **selection)
        await self.bus.publish_steps(replay(asked, context=self.context, result=result))
        return result

    async def send_again(self) -> int:
        before = len(self.bus.sent)
        await self.bus.publish_steps(send_again(self.store, "default"))
        return len(self.bus.sent) - before

    async def drop(self, key: str = "k", **selection: Any) -> ReplayResult:
        return await drop(self.asked(key, **selection), context=self.context, now=NOW)

    def asked(self, key: str, **selection: Any) -> LetterCommand:
        return LetterCommand("default", Selection(**selection), key, NOW + timedelta(seconds=60))

    async def counts(self) -> tuple[int, int, int, int]:
        found = await self.store.totals("default")
        return found.seen, found.mapped, found.dead, found.in_flight


CONTENT = log(iteration(1, "one"), iteration(2, "two"), iteration(3, "x" * 300), final(4, "four"))


async def mixed() -> World:
    """A record that is refused, a line that is too long, and two records that are mapped."""
    world = World()
    world.refused = {"two"}
    await world.read(CONTENT, max_line_bytes=200)
    assert await world.counts() == (4, 2, 2, 0)
    return world


async def test_after_the_fix_everything_is_mapped_and_the_ledger_closes() -> None:
    world = await mixed()
    world.refused, world.repository.format = set(), agent_run_format(1 << 20)

    tally = await world.replay()

    assert (tally.letters, tally.records, tally.refused) == (2, 2, {})
    assert world.box.letters == {}
    assert await world.counts() == (4, 2, 0, 2)
    await world.deliver()
    assert await world.counts() == (4, 4, 0, 0)
    assert sorted(text for _, text in world.map) == sorted(["one", "two", "x" * 300, "four"])
    assert (await world.store.get([ID]))[ID].status == "completed"


async def test_what_is_sent_again_is_a_part_that_can_wait_for_its_version() -> None:
    world = await mixed()
    world.repository.format = agent_run_format(1 << 20)

    await world.replay()

    sent = [decode(one.body).descriptor for one in world.bus.sent.values()]
    assert [(one.can_wait, one.is_whole) for one in sent] == [(True, False)] * 2


async def test_letters_of_a_source_that_was_moved_are_sent_under_its_present_name() -> None:
    world = await mixed()
    world.refused, world.repository.format = set(), agent_run_format(1 << 20)
    world.repository.rename(NAME, "b.jsonl")
    there = world.repository.stat("b.jsonl")
    before = (await world.store.get([ID]))[ID]
    move = await world.store.move(before, there, NOW)
    assert move
    to = move.to
    moved = Commit(to.moving_batch_id, to.source_id, to.source_version, 2)
    await world.store.apply_committed([moved], NOW)

    tally = await world.replay()

    assert (tally.letters, tally.refused) == (2, {})
    sent = [decode(one.body) for one in world.bus.sent.values()]
    for batch in sent:
        facts = batch.descriptor
        assert (facts.source_id, facts.source_version) == (to.source_id, to.source_version)
        (row,) = batch.rows.select(["id", "filename", "iteration"]).to_pylist()
        assert row["filename"] == facts.filename == "b.jsonl"
        assert row["id"] == record_id("b.jsonl", row["iteration"])
    again = [Commit(one.descriptor.batch_id, to.source_id, 1, 1) for one in sent]
    await world.store.apply_committed(again, NOW)
    after = (await world.store.get([to.source_id]))[to.source_id]
    assert (after.status, after.seen, after.mapped, after.dead) == ("completed", 4, 4, 0)


async def test_without_a_fix_it_is_dead_again_and_can_be_tried_again() -> None:
    world = await mixed()

    tally = await world.replay(stage="embedding")
    await world.deliver()
    assert tally.letters == 1
    assert await world.counts() == (4, 2, 2, 0)
    (again,) = (await world.box.select("default", Selection(stage="embedding"), None)).values()
    assert again.reason == "refused"

    world.refused = set()
    await world.replay("other", stage="embedding")
    await world.deliver()
    assert await world.counts() == (4, 3, 1, 0)


async def test_a_line_that_still_cannot_be_read_stays_with_the_reason() -> None:
    world = await mixed()

    tally = await world.replay(stage="discovery")

    ((sequence, reason),) = tally.refused.items()
    assert sequence in world.box.letters
    assert "it still cannot be read: line of" in reason
    assert (tally.letters, await world.counts()) == (0, (4, 2, 2, 0))


async def test_a_batch_that_died_whole_is_sent_again_as_another_delivery_of_itself() -> None:
    world = World()
    world.broken = {"one"}
    await world.read(log(iteration(1, "one"), final(2, "two")))
    assert await world.counts() == (2, 0, 2, 0)

    await world.replay()
    await world.deliver()
    assert await world.counts() == (2, 0, 2, 0)
    world.broken = set()
    await world.replay("other")
    await world.deliver()

    assert await world.counts() == (2, 2, 0, 0)
    first, second = world.bus.sent.values()
    assert first.batch_id == second.batch_id
    assert [decode(one.body).descriptor.replays for one in (first, second)] == [1, 2]


async def test_letters_that_came_after_the_command_are_not_meant() -> None:
    """Else a letter that dies again at once would be tried again and again by one command."""
    world = await mixed()
    letter = next(iter(world.box.letters.values())).letter
    late = world.box.put(letter, after_s=61)

    await world.replay()

    assert late in world.box.letters


async def test_a_source_that_has_changed_refuses_the_letters_of_its_old_version() -> None:
    world = await mixed()
    await world.read(log(final(1, "new")))

    tally = await world.replay()

    assert tally.letters == 0
    assert all("version 2 was read whole; drop it" in why for why in tally.refused.values())
    assert await world.counts() == (1, 1, 0, 0)


@pytest.mark.parametrize("what", ["changed", "gone", "unreadable"])
async def test_a_line_needs_its_source_as_it_was(what: str) -> None:
    world = await mixed()
    world.repository.format = agent_run_format(1 << 20)
    if what == "changed":
        world.repository.put(NAME, CONTENT.replace(b"one", b"0ne"))
    elif what == "gone":
        world.repository.remove(NAME)
    else:
        world.repository.unreadable.add(NAME)

    tally = await world.replay(stage="discovery")

    reasons = {"changed": "has changed since", "gone": "not there any more", "unreadable": "read"}
    (why,) = tally.refused.values()
    assert reasons[what] in why
    assert await world.counts() == (4, 2, 2, 0)


async def test_letters_that_are_not_there_are_refused() -> None:
    world = await mixed()

    assert (await world.replay(sequences=[99])).refused == {99: GONE}
    assert (await world.drop("d", sequences=[99])).refused == {99: GONE}


async def test_dropped_letters_are_gone_and_counted() -> None:
    world = await mixed()

    first = await world.drop(source=NAME)
    again = await world.drop(source=NAME)

    assert (first.letters, first.records) == (again.letters, again.records) == (2, 2)
    assert world.box.letters == {}
    assert (await world.store.totals("default")).dropped == 2
    assert await world.counts() == (4, 2, 2, 0)


async def test_a_message_that_tells_of_no_source_is_sent_again_if_it_is_work() -> None:
    world = World()
    work = DeadLetter(
        key="m1", stage="projection", collection="default", reason="gave up", body=b"bytes",
        records=0, subject="writing.retraction.default",
    )  # fmt: skip
    other = world.box.put(
        DeadLetter(key="m2", stage="writing", collection="default", reason="?", body=b"model")
    )
    world.box.put(work)

    tally = await world.replay()

    (sent,) = world.bus.messages
    assert (sent.channel.subject("default"), sent.body) == (work.subject, work.body)
    assert list(world.box.letters) == list(tally.refused) == [other]


@pytest.mark.parametrize("letter", ["cut", "no batch"])
async def test_what_cannot_be_rebuilt_is_refused(letter: str) -> None:
    world = await mixed()
    sequence = next(s for s, one in world.box.letters.items() if one.letter.stage == "embedding")
    stored = world.box.letters[sequence].letter
    changes: dict[str, Any] = {"cut": {"size": 10**9}, "no batch": {"body": b"text"}}[letter]
    del world.box.letters[sequence]
    sequence = world.box.put(DeadLetter(**{**as_fields(stored), **changes}))

    tally = await world.replay(sequences=[sequence])

    assert list(tally.refused) == [sequence]
    assert await world.counts() == (4, 2, 2, 0)


def as_fields(letter: DeadLetter) -> dict[str, Any]:
    return {name: getattr(letter, name) for name in DeadLetter.__slots__}


async def test_what_the_bus_lost_is_sent_again() -> None:
    world = await mixed()
    world.refused = set()
    await world.replay(stage="embedding")
    world.bus.sent.clear()

    assert await world.send_again() == 1
    await world.deliver()
    assert await world.counts() == (4, 3, 1, 0)
    assert await world.send_again() == 0


TEXTS = st.lists(st.sampled_from(["plain", "refused", "broken", "long"]), min_size=1, max_size=8)
DEEDS = st.lists(
    st.sampled_from(
        ["replay", "replay", "drop one", "deliver", "fix", "bus", "box", "ledger", "resend"]
    ),
    max_size=14,
)


@settings(max_examples=120, deadline=None)
@given(TEXTS, DEEDS)
async def test_nothing_is_mapped_twice_and_the_ledger_always_closes(
    texts: list[str], deeds: list[str]
) -> None:
    """Commands fail half-way and come again; what is sent arrives whenever it does."""
    world = World()
    named = [f"{kind} {n}" + ("x" * 300 if kind == "long" else "") for n, kind in enumerate(texts)]
    world.refused = {text for text in named if text.startswith("refused")}
    world.broken = {text for text in named if text.startswith("broken")}
    lines = [iteration(n % 2, text) for n, text in enumerate(named)]
    await world.read(log(*lines, final(5, "end")), max_line_bytes=250)
    asked = 0
    for deed in deeds:
        asked = await act(world, deed, asked)
        seen, mapped, dead, in_flight = await world.counts()
        assert seen == mapped + dead + in_flight
        assert mapped == len(world.map)
    world.bus.failures = world.box.failures = world.store.failures = 0
    for _ in range(3):
        await act(world, "fix", asked)
        await world.replay(f"last {_}")
        await world.send_again()  # as the sweep does
        await world.deliver()

    ids = [key for key, _ in world.map]
    mapped_texts = [text for _, text in world.map]
    assert len(set(ids)) == len(ids)
    assert len(set(mapped_texts)) == len(mapped_texts)
    seen, mapped, dead, in_flight = await world.counts()
    assert (seen, in_flight) == (len(named) + 1, 0)
    assert dead == (await world.store.totals("default")).dropped == seen - len(ids)
    assert mapped == len(ids)


async def act(world: World, deed: str, asked: int) -> int:
    with suppress(TransientError):
        match deed:
            case "replay":
                asked += 1
                for _ in range(2):  # a command may come twice
                    await world.replay(f"k{asked // 2}")
            case "drop one":
                await world.drop(f"d{asked}", sequences=list(world.box.letters)[:1] or [999])
            case "deliver":
                await world.deliver()
            case "fix":
                world.refused, world.broken = set(), set()
                world.repository.format = agent_run_format(1 << 20)
            case "resend":
                await world.send_again()
            case "bus":
                world.bus.failures = 1
            case "box":
                world.box.failures = 1
            case "ledger":
                world.store.failures = 1
    return asked


FLOOD = 2 * ONE_BY_ONE
"""Lines that are too long: half of them have a letter each, half are one run."""


async def flooded() -> World:
    """Lines that are too long, and then rubbish, all in one run after the first thousand."""
    world = World()
    long = [iteration(number, "x" * 300) for number in range(FLOOD)]
    content = log(*long, *[b"{oops"] * 7, iteration(0, "good"), final(FLOOD, "end"))
    await world.read(content, max_line_bytes=200)
    return world


async def test_a_flood_is_few_letters_and_every_line_of_it_is_dead() -> None:
    world = await flooded()

    assert len(world.box.letters) == ONE_BY_ONE + 1
    assert await world.counts() == (FLOOD + 9, 2, FLOOD + 7, 0)
    run = world.box.letters[ONE_BY_ONE + 1].letter
    assert (run.line, run.last_line, run.records) == (ONE_BY_ONE + 1, FLOOD + 7, ONE_BY_ONE + 7)


async def test_a_run_is_replayed_by_reading_its_lines_and_what_is_left_of_it_stays() -> None:
    world = await flooded()
    world.repository.format = agent_run_format(1 << 20)
    run = ONE_BY_ONE + 1

    tally = await world.replay(sequences=(run,))
    await world.deliver()

    assert (tally.letters, tally.records, tally.refused) == (1, ONE_BY_ONE, {})
    assert run not in world.box.letters
    assert await world.counts() == (FLOOD + 9, ONE_BY_ONE + 2, ONE_BY_ONE + 7, 0)
    (*ones, last) = world.bus.buried
    assert sum(one.records for one in world.bus.buried) == 7
    assert (last.last_line or last.line) == FLOOD + 7
    for letter in world.bus.buried:
        await world.bury(letter)
    assert await world.counts() == (FLOOD + 9, ONE_BY_ONE + 2, ONE_BY_ONE + 7, 0)
    again = await world.replay("again", sequences=tuple(list(world.box.letters)[-len(ones) - 1 :]))
    assert (again.letters, len(again.refused)) == (0, len(ones) + 1)

    tally = await world.replay("all")
    await world.deliver()

    assert tally.letters == ONE_BY_ONE
    assert await world.counts() == (FLOOD + 9, FLOOD + 2, 7, 0)
    assert len({one for one, _ in world.map}) == FLOOD + 2
    dropped = await world.drop("drop")
    assert (dropped.records, world.box.letters) == (7, {})


def test_letters_are_read_again_in_portions_that_fit_into_memory() -> None:
    big = DeadLetter(
        key="k", stage="discovery", collection="default", reason="?", body=b"",
        size=REREAD_BYTES // 2,
    )  # fmt: skip

    portions = list(in_portions(dict.fromkeys(range(5), big)))

    assert [list(one) for one in portions] == [[0, 1], [2, 3], [4]]
