"""What every ledger does with dead letters, the fake one included; each step is done twice."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from services.discovery.adapters.sqlite_state_store import SqliteStateStore
from services.discovery.domain.dead_letters import Letter, Refused, Remains, Resend
from services.discovery.domain.ledger import CommandRef, Commit, Death, SourceRecord
from services.discovery.domain.segments import ContentHash
from tests.fakes.state_store import FakeStateStore
from tests.unit.discovery.builders import END, NOW, RULES, stat

A = stat("a.jsonl")
ID = A.source_id
Ledger = SqliteStateStore | FakeStateStore

RECORD = Death("embedding:b0:r", ID, 1, "b0", 1)
WHOLE = Death("projection:b1", ID, 1, "b1", 3)
LINE = Death("discovery:line", ID, 1, None, 1, byte_offset=40, size=9)


@pytest.fixture(params=["sqlite", "fake"])
async def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Ledger]:
    """A completed source: one record, one whole batch and one line of it are dead."""
    if request.param == "fake":
        fake = FakeStateStore()
        await mapped(fake)
        yield fake
        return
    async with SqliteStateStore.open(tmp_path) as sqlite:
        await mapped(sqlite)
        yield sqlite


async def mapped(ledger: Ledger) -> None:
    await ledger.begin_version(A, ContentHash("f"), RULES, NOW)
    await ledger.record_batch("b0", ID, 1, 5)
    await ledger.record_batch("b1", ID, 1, 3)
    for death in (RECORD, WHOLE, LINE):
        await ledger.apply_deaths([death], NOW)
    await ledger.apply_committed([Commit("b0", ID, 1, 4)], NOW)
    await ledger.finish_reading(ID, 1, END, NOW)
    await ledger.mark_announced(ID, "completed", 1)


def resend(batch_id: str, records: int = 1) -> Resend:
    return Resend("default", batch_id, records, "embedding", f"m-{batch_id}", b"\x00body")


async def replay(
    ledger: Ledger, death: Death, *resends: Resend, command: str = "c"
) -> Sequence[Resend] | Refused:
    first = await ledger.replay(death, resends, command)
    again = await ledger.replay(death, resends, "another")
    assert again == first
    return first


async def row(ledger: Ledger) -> SourceRecord:
    return (await ledger.get([ID]))[ID]


async def counts(ledger: Ledger) -> tuple[int, int, int, int]:
    totals = await ledger.totals("default")
    source = await row(ledger)
    assert totals.in_flight == source.in_flight
    return totals.seen, totals.mapped, totals.dead, totals.in_flight


async def test_a_completed_source_has_its_dead(ledger: Ledger) -> None:
    assert await counts(ledger) == (9, 4, 5, 0)
    assert (await row(ledger)).status == "completed"


async def test_a_record_that_is_replayed_is_in_flight_and_then_mapped(ledger: Ledger) -> None:
    assert await replay(ledger, RECORD, resend("r")) == [resend("r")]

    assert await counts(ledger) == (9, 4, 4, 1)
    assert (await row(ledger)).status == "dispatched"
    assert await ledger.resends("default") == [resend("r")]
    for _ in range(2):
        (ended,) = await ledger.apply_committed([Commit("r", ID, 1, 1)], NOW)
        assert (ended.status, ended.mapped, ended.dead) == ("completed", 5, 4)
    assert await counts(ledger) == (9, 5, 4, 0)
    assert await ledger.resends("default") == []


async def test_a_record_that_dies_again_is_dead_again_and_may_be_replayed_again(
    ledger: Ledger,
) -> None:
    await replay(ledger, RECORD, resend("r"))
    again = Death("embedding:r:r", ID, 1, "r", 1)

    for _ in range(2):
        (ended,) = await ledger.apply_deaths([again], NOW)
    assert (ended.status, ended.mapped, ended.dead) == ("completed", 4, 5)
    assert await ledger.resends("default") == []
    await replay(ledger, again, resend("rr"))
    await ledger.apply_committed([Commit("rr", ID, 1, 1)], NOW)
    assert await counts(ledger) == (9, 5, 4, 0)


async def test_a_batch_that_died_whole_is_sent_again_as_itself(ledger: Ledger) -> None:
    await replay(ledger, WHOLE, resend("b1", 3))

    assert await counts(ledger) == (9, 4, 2, 3)
    await ledger.apply_committed([Commit("b1", ID, 1, 3)], NOW)
    assert await counts(ledger) == (9, 7, 2, 0)


async def test_an_empty_batch_that_died_is_open_until_it_is_committed(ledger: Ledger) -> None:
    await ledger.begin_version(A, ContentHash("g"), RULES, NOW)
    await ledger.record_batch("empty", ID, 2, 0)
    death = Death("embedding:empty", ID, 2, "empty", 0)
    await ledger.apply_deaths([death], NOW)
    await ledger.finish_reading(ID, 2, END, NOW)
    assert (await row(ledger)).status == "completed"

    await replay(ledger, death, resend("empty", 0))

    assert (await row(ledger)).status == "dispatched"
    await ledger.apply_committed([Commit("empty", ID, 2, 0)], NOW)
    assert (await row(ledger)).status == "completed"


async def test_a_line_may_turn_out_to_be_several_records(ledger: Ledger) -> None:
    await replay(ledger, LINE, resend("l0", 2), resend("l1", 1))

    assert await counts(ledger) == (11, 4, 4, 3)
    await ledger.apply_committed([Commit("l1", ID, 1, 1)], NOW)
    assert (await row(ledger)).status == "dispatched"
    await ledger.apply_committed([Commit("l0", ID, 1, 2)], NOW)
    assert await counts(ledger) == (11, 7, 4, 0)


async def test_parts_that_were_unreadable_stay_known(ledger: Ledger) -> None:
    await replay(ledger, LINE, resend("l0"), command="mine")

    (part,) = await ledger.unreadable(ID)
    assert (part.byte_offset, part.size, part.fate, part.turn) == (40, 9, "replayed", 1)
    (done,) = await ledger.settled_by("mine")
    assert done == part


async def test_what_is_known_of_letters_goes_with_them_and_the_counts_stay(ledger: Ledger) -> None:
    before = await counts(ledger)

    assert await ledger.forget_accounts(NOW) == 0
    assert len(await ledger.unreadable(ID)) == 1
    assert await ledger.forget_accounts(NOW + timedelta(seconds=1)) == 2
    assert await ledger.unreadable(ID) == []
    await ledger.apply_deaths([LINE], NOW)  # delivered once more: its source is completed
    assert await counts(ledger) == before
    assert isinstance(await replay(ledger, RECORD, resend("r")), Refused)


async def test_what_is_known_of_letters_of_an_open_source_stays(ledger: Ledger) -> None:
    await replay(ledger, RECORD, resend("r"))

    await ledger.forget_accounts(NOW + timedelta(days=1))

    assert len(await ledger.unreadable(ID)) == 1
    assert await ledger.resends("default") == [resend("r")]


async def test_a_letter_that_comes_late_is_entered_by_its_replay(ledger: Ledger) -> None:
    await replay(ledger, RECORD, resend("r"))
    again = Death("embedding:r:r", ID, 1, "r", 1)

    await replay(ledger, again, resend("rr"))
    await ledger.apply_deaths([again], NOW)

    assert await counts(ledger) == (9, 4, 4, 1)


async def test_what_a_later_try_has_mapped_is_not_replayed(ledger: Ledger) -> None:
    await ledger.apply_committed([Commit("b0", ID, 1, 5)], NOW)

    refused = await replay(ledger, RECORD, resend("r"))

    assert isinstance(refused, Refused)
    assert "mapped" in refused.reason
    assert await counts(ledger) == (9, 5, 4, 0)


async def test_if_nobody_knows_which_record_was_mapped_none_is_replayed(ledger: Ledger) -> None:
    """Two died at the first delivery, and one of them was mapped at the second."""
    await ledger.begin_version(A, ContentHash("g"), RULES, NOW)
    await ledger.record_batch("b", ID, 2, 3)
    deaths = [Death(f"embedding:b:{n}", ID, 2, "b", 1) for n in range(2)]
    for death in deaths:
        await ledger.apply_deaths([death], NOW)
    await ledger.apply_committed([Commit("b", ID, 2, 2)], NOW)
    await ledger.finish_reading(ID, 2, END, NOW)
    assert await counts(ledger) == (3, 2, 1, 0)

    for death in deaths:
        refused = await replay(ledger, death, resend(f"r{death.key}"))
        assert isinstance(refused, Refused)
        assert "nobody knows which" in refused.reason


@pytest.mark.parametrize("what", ["new version", "forgotten", "still mapped", "unknown", "gone"])
async def test_what_cannot_be_replayed_is_refused_with_the_reason(
    ledger: Ledger, what: str
) -> None:
    death = RECORD
    if what in {"new version", "still mapped"}:
        await ledger.begin_version(A, ContentHash("g"), RULES, NOW)
    if what == "still mapped":
        await ledger.record_batch("b0", ID, 2, 5)
        death = Death("embedding:b0:x", ID, 2, "b0", 1)
    if what == "forgotten":
        await ledger.forget(ID, CommandRef("k", "c"))
    if what == "unknown":
        death = Death("embedding:b0:other", ID, 1, "b0", 1)
    if what == "gone":
        death = Death("embedding:b0:r", "no such source", 1, "b0", 1)
    before = await counts(ledger)

    refused = await replay(ledger, death, resend("r"))

    reasons = {
        "new version": "version 2 was read whole",
        "forgotten": "was forgotten",
        "still mapped": "still being mapped",
        "unknown": "counts it as mapped",
        "gone": "not in the ledger",
    }
    assert isinstance(refused, Refused)
    assert reasons[what] in refused.reason
    assert await counts(ledger) == before
    assert await ledger.resends("default") == []


async def test_dropped_records_stay_dead_and_are_told_apart(ledger: Ledger) -> None:
    for _ in range(2):
        await ledger.drop(WHOLE, "mine", NOW)

    totals = await ledger.totals("default")
    assert (totals.dead, totals.dropped) == (5, 3)
    assert [one.key for one in await ledger.settled_by("mine")] == [WHOLE.key]
    assert (await row(ledger)).status == "completed"
    refused = await replay(ledger, WHOLE, resend("b1", 3))
    assert refused == Refused("it was dropped")


async def test_dropping_what_was_replayed_or_is_of_an_old_version_changes_nothing(
    ledger: Ledger,
) -> None:
    await replay(ledger, RECORD, resend("r"))
    await ledger.drop(RECORD, "c", NOW)
    assert await counts(ledger) == (9, 4, 4, 1)

    await ledger.begin_version(A, ContentHash("g"), RULES, NOW)
    await ledger.drop(WHOLE, "c", NOW)
    assert (await ledger.totals("default")).dropped == 0


async def test_a_new_version_forgets_what_was_sent_again(ledger: Ledger) -> None:
    await replay(ledger, RECORD, resend("r"))
    await ledger.drop(WHOLE, "c", NOW)

    await ledger.begin_version(A, ContentHash("g"), RULES, NOW)

    assert await ledger.resends("default") == []
    assert await ledger.unreadable(ID) == []
    assert await counts(ledger) == (0, 0, 0, 0)
    assert ((await row(ledger)).replays, (await row(ledger)).dropped) == (0, 0)


async def test_a_replay_is_not_lost_on_the_bus_by_reading_the_source_again(
    ledger: Ledger,
) -> None:
    """Its other batches were settled long ago: read again, they would count twice."""
    await replay(ledger, RECORD, resend("r"))

    assert not await ledger.requeue(ID)
    await ledger.apply_committed([Commit("b9", ID, 1, 7)], NOW)
    assert await counts(ledger) == (9, 4, 4, 1)


async def test_of_a_run_what_still_cannot_be_read_stays_dead_as_letters_of_its_own(
    ledger: Ledger,
) -> None:
    await ledger.begin_version(A, ContentHash("g"), RULES, NOW)
    run = Death("discovery:run", ID, 2, None, 5, 0, 50, "0+20 30+20")
    await ledger.apply_deaths([run], NOW)
    await ledger.record_batch("g0", ID, 2, 1)
    await ledger.apply_committed([Commit("g0", ID, 2, 1)], NOW)
    await ledger.finish_reading(ID, 2, END, NOW)
    assert await counts(ledger) == (6, 1, 5, 0)
    rest = Death("discovery:rest", ID, 2, None, 2, 0, 50, "0+10 30+10")
    remains = Remains((rest,), "10+10 40+10")

    for command in ("c", "another"):
        got = await ledger.replay(run, [resend("r", 3)], command, remains)
        assert got == [resend("r", 3)]

    assert await counts(ledger) == (6, 1, 2, 3)
    parts = {part.key: part for part in await ledger.unreadable(ID)}
    assert parts["discovery:run"].stretches == [(10, 20), (40, 50)]
    assert (parts["discovery:run"].fate, parts["discovery:run"].records) == ("replayed", 3)
    assert parts["discovery:rest"] == Letter.of(rest)
    await ledger.apply_deaths([rest], NOW)
    await ledger.apply_committed([Commit("r", ID, 2, 3)], NOW)
    assert await counts(ledger) == (6, 4, 2, 0)
    await ledger.drop(rest, "d", NOW)
    assert (await ledger.totals("default")).dropped == 2


async def test_many_deaths_of_many_sources_are_entered_together_and_once(ledger: Ledger) -> None:
    other = stat("b.jsonl")
    await ledger.begin_version(other, ContentHash("f"), RULES, NOW)
    await ledger.begin_version(A, ContentHash("g"), RULES, NOW)
    deaths = [
        Death(f"discovery:{one.source_id}:{number}", one.source_id, version, None, 1, number, 1)
        for one, version in ((A, 2), (other, 1))
        for number in range(3)
    ]
    old = Death("discovery:old", ID, 1, None, 1, 0, 1)

    for _ in range(2):
        assert await ledger.apply_deaths([*deaths, old, deaths[0]], NOW) == []

    assert await counts(ledger) == (6, 0, 6, 0)
