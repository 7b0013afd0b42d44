"""What people decide of pairs, in the real ledger."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.discovery.adapters.sqlite_state_store import SqliteStateStore
from services.discovery.domain.matches import Between, Decided, Pair, action_of, decide
from services.discovery.handlers.matches import DecisionBook
from services.discovery.ports.jobs import JobFilter
from shared.contracts.matches import (
    DecideMatches,
    DecisionPage,
    ListDecisions,
    MatchesDecided,
    MatchPair,
)
from tests.contract.test_collection_store import record
from tests.fakes.clock import FrozenClock
from tests.unit.discovery.builders import NOW

HASHES = "a" * 64, "b" * 64
BETWEEN = Between("a", "b")


def pair(number: int, texts: str = HASHES[0]) -> MatchPair:
    return MatchPair(id=f"{number:04x}", other_id="ff", texts=texts)


@dataclass
class Scene:
    """A ledger, and who decides."""

    store: SqliteStateStore
    clock: FrozenClock

    @property
    def book(self) -> DecisionBook:
        return DecisionBook(self.store, self.clock)

    async def decide(self, wish: Any, *pairs: MatchPair, **more: Any) -> MatchesDecided:
        fields = {"collection": "a", "other": "b", "by": "anna"} | more
        return await self.book.decide(DecideMatches(decision=wish, pairs=pairs, **fields))

    async def told(self, **more: Any) -> DecisionPage:
        return await self.book.tell(ListDecisions(**({"collection": "a", "other": "b"} | more)))

    async def audit(self) -> list[tuple[str, str, str, str | None]]:
        rows = await self.store.list_audit(JobFilter(limit=500))
        return [(one.who, one.action, one.filename, one.reason) for one in reversed(rows)]


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Scene]:
    async with SqliteStateStore.open(folder) as store:
        await store.add_collections([record(name) for name in "abc"])
        yield Scene(store, FrozenClock(NOW))


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with opened(tmp_path) as made:
        yield made


PAIRS = st.builds(Pair, st.just("1"), st.just("2"), st.sampled_from(HASHES))


@given(st.lists(st.tuples(st.sampled_from(["accept", "reject", "undo"]), PAIRS), max_size=8))
def test_a_decision_is_the_last_one_and_changes_only_if_it_is_another(
    wishes: list[tuple[Any, Pair]],
) -> None:
    before: Decided | None = None
    for number, (wish, one) in enumerate(wishes):
        now = NOW + timedelta(seconds=number)
        after = decide(before, one, wish, f"by {number}", now)
        again = decide(after, one, wish, "another", now + timedelta(1))
        wanted = None if wish == "undo" else (wish, one.texts)
        assert (after and (after.decision, after.pair.texts)) == wanted
        assert again == after
        is_same = wanted == (before and (before.decision, before.pair.texts))
        assert (action_of(before, after) is None) == is_same
        before = after


async def test_what_is_decided_is_told_with_who_and_when_and_noted_once(scene: Scene) -> None:
    first = await scene.decide("accept", pair(1), pair(2))
    scene.clock.advance(60)
    again = await scene.decide("accept", pair(1), pair(3), by="bob")
    other = await scene.decide("reject", pair(1), by="bob")
    await scene.decide("reject", pair(2, HASHES[1]), by="carl")
    undone = await scene.decide("undo", pair(3), pair(4))

    assert [one.is_changed for one in (*first.items, *again.items)] == [True, True, False, True]
    assert again.items[0].decided == first.items[0].decided
    assert first.items[0].decided
    assert (first.items[0].decided.by, first.items[0].decided.at) == ("anna", NOW)
    assert other.items[0].is_changed
    assert [(one.is_changed, one.decided) for one in undone.items] == [(True, None), (False, None)]
    told = [(one.id, one.decision, one.by, one.texts) for one in (await scene.told()).items]
    assert told == [
        ("0001", "reject", "bob", HASHES[0]),
        ("0002", "reject", "carl", HASHES[1]),
    ]
    assert await scene.audit() == [
        ("anna", "add", "0001 ~ b:ff", "accept"),
        ("anna", "add", "0002 ~ b:ff", "accept"),
        ("bob", "add", "0003 ~ b:ff", "accept"),
        ("bob", "change", "0001 ~ b:ff", "reject"),
        ("carl", "change", "0002 ~ b:ff", "reject"),
        ("anna", "remove", "0003 ~ b:ff", "undo"),
    ]


async def test_all_pairs_of_a_wish_are_decided_and_noted_or_none(scene: Scene) -> None:
    """The audit refuses the second row, as a disk might."""
    scene.store._connection.execute(
        "CREATE TEMP TRIGGER no_room BEFORE INSERT ON audit WHEN NEW.filename LIKE '0002%'"
        " BEGIN SELECT RAISE(ABORT, 'no room'); END"
    )
    with pytest.raises(Exception, match="no room"):
        await scene.decide("accept", pair(1), pair(2))

    assert (await scene.told()).items == ()
    assert await scene.audit() == []


async def test_decisions_are_there_after_a_restart_page_by_page(tmp_path: Path) -> None:
    async with opened(tmp_path) as before:
        await before.decide("accept", *(pair(one) for one in range(5)))
        await before.decide("reject", pair(0))
        await before.decide("accept", pair(0), collection="b", other="a")
    async with opened(tmp_path) as after:
        first = await after.told(limit=3)
        second = await after.told(limit=3, after=first.next_after)
        other = await after.told(collection="b", other="a")

    found = [(one.id, one.decision) for one in (*first.items, *second.items)]
    assert found == [("0000", "reject")] + [(f"{one:04x}", "accept") for one in range(1, 5)]
    assert (len(first.items), second.next_after) == (3, None)
    assert [one.decision for one in other.items] == ["accept"]


async def test_of_what_is_not_served_nothing_is_decided(scene: Scene) -> None:
    nowhere = await scene.decide("accept", pair(1), other="nowhere")
    itself = await scene.decide("accept", pair(1), other="a")

    assert nowhere.reason == "nobody serves both 'a' and 'nowhere': make them first"
    assert "not matched with itself" in (itself.reason or "")
    assert await scene.audit() == []


@pytest.mark.parametrize("gone", ["a", "b"])
async def test_decisions_go_with_either_collection(scene: Scene, gone: str) -> None:
    await scene.decide("accept", pair(1))
    await scene.decide("accept", pair(1), other="c")
    await scene.decide("accept", pair(1), collection="c")
    while await scene.store.remove_rows(gone, 100):
        await asyncio.sleep(0)

    left = {
        (one, two): len((await scene.told(collection=one, other=two)).items)
        for one, two in (("a", "b"), ("a", "c"), ("c", "b"))
    }
    assert left == {("a", "b"): 0, ("a", "c"): int(gone != "a"), ("c", "b"): int(gone != "b")}
