"""What every ledger does about moved files, the fake one included."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Protocol

import pytest

from services.discovery.adapters.sqlite_move_store import COPIES
from services.discovery.adapters.sqlite_state_store import SqliteStateStore
from services.discovery.domain.ledger import CommandRef, Commit, Death, SourceRecord
from services.discovery.domain.moves import Move
from services.discovery.domain.segments import ContentHash, Mark
from services.discovery.domain.sources import SourceStat
from services.discovery.ports import ContradictionStore, Ledger, LetterLedger
from tests.fakes.state_store import FakeStateStore
from tests.unit.discovery.builders import NOW, RULES, stat


class Kept(Ledger, LetterLedger, ContradictionStore, Protocol):
    """What these tests ask for."""


A, B, C = (stat(f"{name}.jsonl", inode=7) for name in "abc")
OTHER = stat("b.jsonl", inode=8)
LATER = NOW + timedelta(hours=1)
END = Mark(3, 10, 2)


@pytest.fixture(params=["sqlite", "fake"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Kept]:
    if request.param == "fake":
        yield FakeStateStore()
        return
    async with SqliteStateStore.open(tmp_path) as sqlite:
        yield sqlite


async def row(store: Kept, one: SourceStat) -> SourceRecord:
    return (await store.get([one.source_id]))[one.source_id]


async def read(store: Kept, one: SourceStat = A, *, content: str = "f1") -> None:
    """Have a source of two batches, four records and a line that is none, on its way."""
    begun = await store.begin_version(one, ContentHash(content), RULES, NOW)
    for batch, records in (("0", 3), ("1", 1)):
        await store.record_batch(f"{one.filename}{batch}", one.source_id, begun.number, records)
    line = Death(f"{one.filename}:line", one.source_id, begun.number, None, 1, 40, 9)
    await store.apply_deaths([line], NOW)
    await store.finish_reading(one.source_id, begun.number, END, NOW)


async def complete(store: Kept, one: SourceStat = A, *, content: str = "f1") -> SourceRecord:
    """Have it mapped, but for a record of its second batch."""
    await read(store, one, content=content)
    version = (await row(store, one)).source_version
    death = Death(
        f"{one.filename}:1", one.source_id, version, f"{one.filename}1", 1, is_of_record=True
    )
    await store.apply_deaths([death], NOW)
    await store.apply_committed(
        [Commit(f"{one.filename}{n}", one.source_id, version, 3 * (1 - n)) for n in (0, 1)], NOW
    )
    await store.mark_announced(one.source_id, "completed")
    found = await row(store, one)
    assert (found.status, found.seen, found.mapped, found.dead) == ("completed", 5, 3, 2)
    return found


async def moved(store: Kept, to: SourceStat = B, before: SourceStat = A) -> Move:
    found = await store.move(await row(store, before), to, LATER)
    assert found is not None
    assert found == Move(await row(store, before), await row(store, to))
    return found


async def settle(store: Kept, move: Move, records: int = 3) -> list[SourceRecord]:
    to, before = move.to, move.before
    commits = [
        Commit(to.moving_batch_id, to.source_id, to.source_version, records),
        Commit(before.empty_batch_id, before.source_id, before.source_version, 0),
    ]
    return await store.apply_committed(commits, LATER)


async def test_a_file_may_be_what_has_its_content_or_its_inode(store: Kept) -> None:
    await complete(store)
    await complete(store, stat("elsewhere.jsonl", inode=7, collection="other"))
    await store.begin_version(stat("c.jsonl", inode=9), ContentHash("f3"), RULES, NOW)

    async def names(one: SourceStat, content: str) -> list[str]:
        return [found.filename for found in await store.other_names(one, content)]

    assert await names(OTHER, "f1") == ["a.jsonl"]
    assert await names(B, "f2") == ["a.jsonl"]
    assert await names(OTHER, "f2") == []
    assert await names(stat("b.jsonl"), "f2") == []
    assert await names(A, "f1") == []


async def test_of_many_copies_some_are_looked_at_and_the_file_itself(tmp_path: Path) -> None:
    async with SqliteStateStore.open(tmp_path) as store:
        for number in range(COPIES + 20):
            await read(store, stat(f"copy-{number}.jsonl", inode=1000 + number))
        last = COPIES + 19

        found = await store.other_names(stat("new.jsonl", inode=1000 + last), "f1")

    names = [one.filename for one in found]
    assert names[0] == f"copy-{last}.jsonl"
    assert len(set(names)) == len(names) == COPIES + 1


async def test_a_move_carries_the_account_over(store: Kept) -> None:
    before = await complete(store)

    move = await moved(store)
    coming, gone = move.to, move.before
    totals = await store.totals("default")
    ended = await settle(store, move)
    after = await row(store, B)

    assert (coming.status, coming.source_version) == ("dispatched", 1)
    assert (coming.seen, coming.mapped, coming.dead, coming.in_flight) == (5, 0, 2, 3)
    assert (coming.fingerprint, coming.content_size) == (before.fingerprint, before.content_size)
    assert (gone.status, gone.source_version, gone.is_forgotten) == ("dispatched", 2, True)
    assert (gone.same_as, gone.gone_at, gone.is_presence_told) == ("b.jsonl", LATER, False)
    assert gone.is_forgotten_as_gone
    assert (totals.seen, totals.mapped, totals.dead, totals.in_flight) == (5, 0, 2, 3)
    assert {one.filename: one.status for one in ended} == {
        "a.jsonl": "forgotten",
        "b.jsonl": "completed",
    }
    assert (after.seen, after.mapped, after.dead) == (5, 3, 2)


async def test_a_move_is_open_until_its_end_is_told(store: Kept) -> None:
    await complete(store)
    move = await moved(store)

    assert await store.open_moves("default") == [move]
    assert await store.open_moves("other") == []
    await settle(store, move)
    assert await store.open_moves("default") == []


async def test_what_is_appended_goes_on_where_reading_ended(store: Kept) -> None:
    await complete(store)
    await settle(store, await moved(store))
    grown = stat("b.jsonl", size=20, inode=7)

    begun = await store.begin_version(grown, ContentHash("f2", "f1", "rest"), RULES, LATER)

    assert (begun.number, begun.start) == (1, END)
    assert [one.digest for one in begun.segments] == ["rest"]
    assert await store.open_moves("default") == []


async def test_what_the_file_was_moved_over_is_replaced(store: Kept) -> None:
    await complete(store)
    await complete(store, OTHER, content="f2")

    move = await moved(store)

    assert (move.to.source_version, move.to.fingerprint) == (2, "f1")
    assert (move.to.seen, move.to.in_flight) == (5, 3)
    assert [one.key for one in await store.unreadable(B.source_id)] == ["a.jsonl:line"]


@pytest.mark.parametrize("what", ["coming", "newer", "forgotten", "taken"])
async def test_what_is_not_as_it_was_is_not_moved(store: Kept, what: str) -> None:
    before = await complete(store)
    if what == "newer":
        await complete(store, content="f2")
    elif what == "forgotten":
        await store.forget(A.source_id, CommandRef("1@t", "c"))
    elif what == "coming":
        await read(store, content="f2")
        before = await row(store, A)
    else:
        await read(store, OTHER, content="f3")
    rows = await store.list_sources()

    assert await store.move(before, B, LATER) is None
    assert await store.list_sources() == rows


async def test_what_waits_for_its_rows_is_not_read_again(store: Kept) -> None:
    await complete(store)
    move = await moved(store)

    assert not await store.requeue(B.source_id)
    await settle(store, move)
    grown = stat("b.jsonl", size=20, inode=7)
    await store.begin_version(grown, ContentHash("f2", "f1", "rest"), RULES, LATER)
    assert await store.requeue(B.source_id)


async def test_what_is_forgotten_meanwhile_leaves_the_name_before_to_be_forgotten(
    store: Kept,
) -> None:
    await complete(store)
    move = await moved(store)
    await store.forget(B.source_id, CommandRef("1@t", "c"))

    assert await store.open_moves("default") == []
    (ended,) = await store.apply_committed(
        [Commit(move.before.empty_batch_id, A.source_id, 2, 0)], LATER
    )
    assert (ended.filename, ended.status) == ("a.jsonl", "forgotten")


async def test_rows_that_were_not_there_have_the_file_read(store: Kept) -> None:
    await complete(store)

    ended = await settle(store, await moved(store), records=1)
    after = await row(store, B)

    assert "completed" in {one.status for one in ended}
    assert (after.seen, after.mapped, after.dead, after.in_flight) == (3, 1, 2, 0)
    assert after.fingerprint is None
    assert [one.source_id for one in await store.contradictions("default", 9)] == [B.source_id]


async def test_a_version_is_found_under_its_present_name(store: Kept) -> None:
    await complete(store)
    await settle(store, await moved(store))
    await settle(store, await moved(store, C, B))
    now = await store.name_now(A.source_id, 1)
    middle = await store.name_now(B.source_id, 1)
    other = await store.name_now(A.source_id, 2)
    await complete(store, C, content="f9")

    assert now
    assert now == middle
    assert (now.filename, now.source_version) == ("c.jsonl", 1)
    assert other is None
    assert await store.name_now(A.source_id, 1) is None


async def test_it_moves_on_and_back(store: Kept) -> None:
    await complete(store)
    await settle(store, await moved(store))
    await settle(store, await moved(store, C, B))
    for one in (A, B):
        await store.mark_announced(one.source_id, "forgotten")

    await settle(store, await moved(store, A, C))
    back = await row(store, A)

    assert (back.status, back.source_version, back.mapped, back.dead) == ("completed", 3, 3, 2)
    assert (await store.totals("default")).mapped == 3
