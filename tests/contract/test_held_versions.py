"""A version of which too much died does not replace another one: the ledger's part in that."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Protocol

import pytest

from services.discovery.adapters.sqlite_state_store import SqliteStateStore
from services.discovery.domain.ledger import CommandRef, Commit, Death, SourceRecord, needs_look
from services.discovery.domain.segments import ContentHash
from services.discovery.ports import Ledger, LetterLedger
from tests.contract.test_state_store import resend
from tests.fakes.state_store import FakeStateStore
from tests.unit.discovery.builders import END, NOW, RULES, stat

A = stat("a.jsonl")
ID = A.source_id
LATER = NOW + timedelta(hours=1)


class Kept(Ledger, LetterLedger, Protocol):
    """All that a ledger does about versions and letters."""


@pytest.fixture(params=["sqlite", "fake"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Kept]:
    if request.param == "fake":
        yield FakeStateStore()
        return
    async with SqliteStateStore.open(tmp_path) as sqlite:
        yield sqlite


async def row(store: Kept) -> SourceRecord:
    return (await store.get([ID]))[ID]


async def show_first(store: Kept) -> None:
    """Map a first version of four records."""
    await store.begin_version(A, ContentHash("f1"), RULES, NOW, 0.5)
    await store.record_batch("a0", ID, 1, 4)
    await store.finish_reading(ID, 1, END, NOW)
    await store.apply_committed([Commit("a0", ID, 1, 4)], NOW)
    await store.mark_announced(ID, "completed")


async def replace(
    store: Kept, dead: int, *, share: float | None = 0.5, staged: int | None = None
) -> list[SourceRecord]:
    """Read a second version of four records, of which some die; it may be told twice."""
    await store.begin_version(A, ContentHash("f2"), RULES, NOW, share)
    await store.record_batch("b0", ID, 2, 4)
    await store.finish_reading(ID, 2, END, NOW)
    alive = 4 - dead if staged is None else staged
    if alive or staged is not None:
        await store.apply_committed([Commit("b0", ID, 2, alive, is_staged=True)], NOW)
    deaths = [Death(f"k{n}", ID, 2, "b0", 1, is_of_record=True) for n in range(dead)]
    await store.apply_deaths(deaths, NOW)
    return await store.apply_deaths(deaths, NOW)


async def held(store: Kept) -> None:
    await show_first(store)
    await replace(store, 3)
    assert (await row(store)).is_held
    await store.mark_announced(ID, "failed")


@pytest.mark.parametrize(
    ("dead", "share", "is_held"),
    [(2, 0.5, False), (3, 0.5, True), (1, 0.0, True), (3, 1.0, False), (3, None, False)],
)
async def test_what_died_of_a_version_decides_whether_it_is_shown(
    store: Kept, dead: int, share: float | None, *, is_held: bool
) -> None:
    await show_first(store)

    (found,) = await replace(store, dead, share=share)

    assert (found.is_held, found.is_showing) == (is_held, not is_held)
    assert found.status == ("failed" if is_held else "dispatched")
    totals = await store.totals("default")
    assert (totals.seen, totals.dead, totals.in_flight) == (4, dead, 4 - dead)
    assert totals.held == (4 - dead if is_held else 0)


async def test_the_reason_has_the_numbers_and_what_to_do(store: Kept) -> None:
    await show_first(store)

    (found,) = await replace(store, 3)

    assert found.reason
    for part in ("3 of its 4", "max_dead_share 0.5", "dead replay", "dead drop"):
        assert part in found.reason


async def test_what_died_as_a_whole_does_not_empty_the_map(store: Kept) -> None:
    await show_first(store)

    (found,) = await replace(store, 4)

    assert (found.is_held, found.status, found.staged) == (True, "failed", 0)


async def test_what_replaces_nothing_is_shown_as_it_comes(store: Kept) -> None:
    await store.begin_version(A, ContentHash("f1"), RULES, NOW, 0.5)
    await store.record_batch("a0", ID, 1, 4)
    await store.finish_reading(ID, 1, END, NOW)

    (first,) = await store.apply_deaths([Death("k", ID, 1, "a0", 4)], NOW)
    assert first.status == "completed"
    # Nothing of it is on the map, so the next one takes nothing off that.
    (second,) = await replace(store, 4)
    assert second.is_showing


async def test_a_share_is_that_with_which_the_version_began(store: Kept) -> None:
    await show_first(store)
    await store.begin_version(A, ContentHash("f2"), RULES, NOW, 0.5)

    (found,) = await replace(store, 3, share=1.0)

    assert found.is_held


async def test_looks_and_failures_leave_a_held_version_alone(store: Kept) -> None:
    await held(store)
    before = await row(store)

    assert not needs_look(before, A)
    assert await store.note_unchanged(A, LATER) == []
    changed = stat("a.jsonl", size=7, mtime_ns=7)
    assert await store.fail(changed, "away", LATER) is None
    after = await row(store)
    assert needs_look(after, changed)
    assert (after.status, after.staged, after.source_version) == ("failed", 1, 2)
    assert after.reason == before.reason
    assert await store.unfinished() == []


async def test_it_is_told_after_a_crash(store: Kept) -> None:
    await show_first(store)
    await replace(store, 3)

    (found,) = await store.unannounced()

    assert found.is_held


async def test_replays_bring_it_back(store: Kept) -> None:
    await held(store)

    sent = await store.replay(Death("k0", ID, 2, "b0", 1), [resend("r0")], "c1")
    assert sent == [resend("r0")]
    one = await row(store)
    assert (one.status, one.reason, one.was_completed) == ("dispatched", None, False)
    (found,) = await store.apply_committed([Commit("r0", ID, 2, 1, is_staged=True)], LATER)

    assert (found.is_showing, found.is_held, found.dead) == (True, False, 2)
    rows = [Commit("b0", ID, 2, 1), Commit("r0", ID, 2, 1)]
    (done,) = await store.apply_committed([*rows, Commit(found.showing_batch_id, ID, 2, 0)], LATER)
    assert (done.status, done.mapped, done.dead) == ("completed", 2, 2)


@pytest.mark.parametrize(("dead", "staged"), [(3, 1), (4, None), (4, 0)])
async def test_what_waits_of_a_batch_counts_when_all_its_letters_are_replayed_at_once(
    store: Kept, dead: int, staged: int | None
) -> None:
    await show_first(store)
    await replace(store, dead, staged=staged)
    names = [f"r{number}" for number in range(dead)]
    for number, name in enumerate(names):
        await store.replay(Death(f"k{number}", ID, 2, "b0", 1), [resend(name)], "c1")
    again = [Commit(name, ID, 2, 1, is_staged=True) for name in names]
    (found,) = await store.apply_committed(again, LATER)
    assert (found.is_showing, found.seen, found.staged) == (True, 4, 4)

    shown = [Commit("b0", ID, 2, staged)] if staged is not None else []
    shown += [Commit(name, ID, 2, 1) for name in names]
    for _ in range(2):  # news may come twice
        await store.apply_committed([*shown, Commit(found.showing_batch_id, ID, 2, 0)], LATER)

    done = await row(store)
    assert (done.status, done.seen, done.mapped, done.dead) == ("completed", 4, 4, 0)


@pytest.mark.parametrize("dead", [3, 4])
async def test_what_dies_again_is_held_back_again_and_told(store: Kept, dead: int) -> None:
    await show_first(store)
    await replace(store, dead)
    await store.mark_announced(ID, "failed")

    await store.replay(Death("k0", ID, 2, "b0", 1), [resend("r0")], "c1")
    (found,) = await store.apply_deaths([Death("k0again", ID, 2, "r0", 1)], LATER)

    assert (found.is_held, found.status, found.dead) == (True, "failed", dead)


async def test_another_letter_is_sent_while_the_version_is_being_shown(store: Kept) -> None:
    await held(store)
    await store.replay(Death("k0", ID, 2, "b0", 1), [resend("r0")], "c1")
    await store.apply_committed([Commit("r0", ID, 2, 1, is_staged=True)], LATER)

    sent = await store.replay(Death("k1", ID, 2, "b0", 1), [resend("r1")], "c1")

    assert sent == [resend("r1")]


async def test_what_is_given_up_is_not_missed(store: Kept) -> None:
    await held(store)

    (found,) = await store.drop(Death("k0", ID, 2, "b0", 1), "c", LATER)

    assert (found.is_showing, found.is_held, found.reason) == (True, False, None)
    assert await store.drop(Death("k1", ID, 2, "b0", 1), "c", LATER) == []


async def test_too_little_given_up_changes_only_the_numbers(store: Kept) -> None:
    await show_first(store)
    await replace(store, 4)
    await store.mark_announced(ID, "failed")

    assert await store.drop(Death("k0", ID, 2, "b0", 1), "c", LATER) == []

    one = await row(store)
    assert (one.is_held, one.is_announced) == (True, True)
    assert one.reason
    assert "3 of its 4" in one.reason


async def test_another_content_takes_its_place(store: Kept) -> None:
    await held(store)

    begun = await store.begin_version(A, ContentHash("f3"), RULES, LATER, 0.5)

    one = await row(store)
    assert (begun.number, one.status, one.is_held, one.staged) == (3, "reading", False, 0)
    # What that would replace is still the first one.
    assert one.replaces == 4


async def test_what_is_appended_to_it_is_judged_with_it(store: Kept) -> None:
    await held(store)
    longer = stat("a.jsonl", size=20, mtime_ns=2)

    begun = await store.begin_version(longer, ContentHash("f3", "f2", "r"), RULES, LATER, 1.0)
    assert (begun.number, (await row(store)).is_held) == (2, False)
    await store.record_batch("b1", ID, 2, 2)
    await store.finish_reading(ID, 2, END, LATER)
    (found,) = await store.apply_committed([Commit("b1", ID, 2, 2, is_staged=True)], LATER)

    assert (found.is_showing, found.seen, found.dead) == (True, 6, 3)


@pytest.mark.parametrize("how", ["forget", "requeue"])
async def test_it_can_be_forgotten_and_read_again(store: Kept, how: str) -> None:
    await held(store)

    if how == "forget":
        one = await store.forget(ID, CommandRef("k", "c"))
        assert one is not None
        assert (one.status, one.is_held, one.staged) == ("dispatched", False, 0)
    else:
        assert await store.requeue(ID)
        assert (await row(store)).status == "reading"
    assert not (await row(store)).is_held


async def test_a_collection_rests_while_a_version_is_held(tmp_path: Path) -> None:
    async with SqliteStateStore.open(tmp_path) as store:
        await held(store)

        assert await store.is_settled("default")
