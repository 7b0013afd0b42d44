"""What every ledger does, the fake one included. Each step is done twice: it must not matter."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Protocol

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.discovery.adapters.sqlite_state_store import SqliteStateStore
from services.discovery.domain.batching import Limits
from services.discovery.domain.cut_rules import CutRules
from services.discovery.domain.dead_letters import Resend
from services.discovery.domain.ledger import CommandRef, Commit, Death, SourceRecord
from services.discovery.domain.segments import BEGINNING, ContentHash, Counts, Mark, Segment
from services.discovery.domain.versions import BegunVersion
from services.discovery.ports import LetterLedger, StateStore
from tests.fakes.state_store import FakeStateStore
from tests.unit.discovery.builders import END, NOW, RULES, stat

A, B = stat("a.jsonl"), stat("b.jsonl")
ID = A.source_id
LATER = NOW + timedelta(hours=1)
COMMAND, OTHER = CommandRef("1@t", "c1"), CommandRef("2@t", "c2")


@pytest.fixture(params=["sqlite", "fake"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[StateStore]:
    if request.param == "fake":
        yield FakeStateStore()
        return
    async with SqliteStateStore.open(tmp_path) as sqlite:
        yield sqlite


def resend(batch_id: str, records: int = 1) -> Resend:
    return Resend("default", batch_id, records, "embedding", f"m-{batch_id}", b"body")


async def row(store: StateStore, source_id: str = ID) -> SourceRecord:
    return (await store.get([source_id]))[source_id]


async def counts(store: StateStore) -> tuple[int, int, int, int]:
    totals = await store.totals("default")
    one = await row(store)
    assert (one.seen, one.mapped, one.dead, one.in_flight + one.staged) == (
        totals.seen,
        totals.mapped,
        totals.dead,
        totals.in_flight,
    )
    return totals.seen, totals.mapped, totals.dead, totals.in_flight


async def begin(store: StateStore, fingerprint: str = "f1") -> int:
    await store.begin_version(A, ContentHash(fingerprint), RULES, NOW)
    return (await store.begin_version(A, ContentHash(fingerprint), RULES, NOW)).number


async def publish(store: StateStore, batch: str, records: int, version: int = 1) -> None:
    for _ in range(2):
        await store.record_batch(batch, ID, version, records)


async def finish(store: StateStore, version: int = 1) -> list[SourceRecord]:
    await store.finish_reading(ID, version, END, NOW)
    return await store.finish_reading(ID, version, END, NOW)


async def commit(
    store: StateStore, batch: str, records: int, version: int = 1
) -> list[SourceRecord]:
    commits = [Commit(batch, ID, version, records)] * 2
    await store.apply_committed(commits, LATER)
    return await store.apply_committed(commits, LATER)


async def bury(
    store: StateStore, key: str, batch: str | None, records: int = 1, version: int = 1
) -> list[SourceRecord]:
    death = Death(key, ID, version, batch, records)
    await store.apply_deaths([death], LATER)
    return await store.apply_deaths([death], LATER)


async def complete(store: StateStore) -> None:
    await begin(store)
    await publish(store, "b0", 3)
    await finish(store)
    await commit(store, "b0", 3)


async def forget(store: StateStore, wish: CommandRef = COMMAND) -> SourceRecord:
    await store.forget(ID, wish)
    one = await store.forget(ID, wish)
    assert one is not None
    assert one == await row(store)
    return one


async def forgotten(store: StateStore) -> None:
    """Forget a completed source, and have that told."""
    await complete(store)
    one = await forget(store)
    await commit(store, one.empty_batch_id, 0, version=2)
    await store.mark_announced(ID, "forgotten", 2)


async def test_nothing_is_known_at_first(store: StateStore) -> None:
    assert await store.get([ID]) == {}
    assert await store.list_sources() == []
    assert (await store.totals("default")).seen == 0


async def test_many_sources_can_be_asked_for(store: StateStore) -> None:
    await store.note_incomplete(A, "no_final_answer", NOW)

    assert list(await store.get([f"{n}" for n in range(2000)] + [ID])) == [ID]


async def test_an_incomplete_source_waits(store: StateStore) -> None:
    await store.note_incomplete(A, "no_final_answer", NOW)
    await store.note_incomplete(stat("a.jsonl", size=20, mtime_ns=7), "no_final_answer", LATER)

    one = await row(store)
    assert (one.status, one.signature, one.source_version) == ("incomplete", (20, 7), 0)
    assert one.discovered_at == NOW


async def test_a_name_that_is_no_utf8_can_be_kept(store: StateStore) -> None:
    await store.note_incomplete(stat("a.jsonl", path="/x/\udcff"), "no_final_answer", NOW)

    assert (await row(store)).path == "/x/\\xff"


async def test_sources_are_listed_by_collection_and_filename(store: StateStore) -> None:
    other = stat("0.jsonl", collection="other")
    for one in (other, B, A):
        await store.note_incomplete(one, "no_final_answer", NOW)

    names = [one.filename for one in await store.list_sources()]
    assert names == ["a.jsonl", "b.jsonl", "0.jsonl"]
    assert [one.filename for one in await store.list_sources("other")] == ["0.jsonl"]


async def test_the_first_content_is_version_one(store: StateStore) -> None:
    assert await begin(store) == 1
    assert (await row(store)).status == "reading"


async def test_the_same_content_gets_the_same_version_again(store: StateStore) -> None:
    await begin(store)
    await publish(store, "b0", 3)

    assert await begin(store) == 1
    assert await counts(store) == (3, 0, 0, 3)


async def test_another_content_gets_the_next_version_and_starts_from_zero(
    store: StateStore,
) -> None:
    await complete(store)

    assert await begin(store, "f2") == 2
    assert await counts(store) == (0, 0, 0, 0)
    assert (await row(store)).completed_at is None


NARROW = CutRules("reader 1", 1 << 10, Limits(10, 1 << 20))
WIDE = CutRules("reader 1", 1 << 20, Limits(10, 1 << 20))
OTHER_READER = CutRules("reader 2", 1 << 10, Limits(10, 1 << 20))


async def cut_by(
    store: StateStore, rules: CutRules, fingerprint: str = "f1"
) -> tuple[int, CutRules]:
    """Begin a content, and say of which version it is and how it is cut."""
    begun = await store.begin_version(A, ContentHash(fingerprint), rules, LATER)
    return begun.number, begun.rules


async def test_what_is_being_read_goes_on_as_it_was_cut_until_then(store: StateStore) -> None:
    """Half of it by one limit and half by another would lose a record, or have it twice."""
    assert await cut_by(store, NARROW) == (1, NARROW)
    await bury(store, "a line that is too long", None)

    assert await cut_by(store, WIDE) == (1, NARROW)
    assert (await row(store)).rules == NARROW
    assert await counts(store) == (1, 0, 1, 0)


async def test_what_the_bus_has_lost_is_sent_again_as_it_was_cut(store: StateStore) -> None:
    await cut_by(store, NARROW)
    await publish(store, "b0", 3)
    await finish(store)
    await store.requeue(ID)

    assert await cut_by(store, WIDE) == (1, NARROW)


async def test_what_another_reader_has_begun_is_another_version(store: StateStore) -> None:
    """Nobody can read on as it did, so none of its records and dead lines are counted on."""
    await cut_by(store, NARROW)
    await bury(store, "a line that is no record", None)
    await publish(store, "b0", 3)

    assert await cut_by(store, OTHER_READER) == (2, OTHER_READER)
    assert await counts(store) == (0, 0, 0, 0)


async def test_other_rules_have_nothing_read_again(store: StateStore) -> None:
    await complete(store)

    for rules in (WIDE, OTHER_READER):
        assert await cut_by(store, rules) == (1, RULES)
        assert (await row(store)).status == "completed"


async def test_a_new_content_is_cut_by_the_new_rules(store: StateStore) -> None:
    await complete(store)

    assert await cut_by(store, WIDE, "f2") == (2, WIDE)


MARK = Mark(3, A.size, 1, Counts(((1, 3, 1),)))
LONGER = stat("a.jsonl", size=30, mtime_ns=2)
GROWN = ContentHash("f2", "f1", "r2")


async def grow(
    store: StateStore, content: ContentHash = GROWN, rules: CutRules = RULES
) -> BegunVersion:
    await store.begin_version(LONGER, content, rules, LATER)
    return await store.begin_version(LONGER, content, rules, LATER)


async def mapped(store: StateStore) -> None:
    """Have three records mapped, in one batch."""
    await begin(store)
    await publish(store, "b0", 3)
    await store.finish_reading(ID, 1, MARK, NOW)
    await commit(store, "b0", 3)


async def test_of_a_source_that_grows_only_what_is_new_is_to_be_read(store: StateStore) -> None:
    await mapped(store)

    begun = await grow(store, rules=WIDE)
    assert begun == BegunVersion(1, RULES, MARK, (Segment(1, 30, "f2", "r2", LATER),))
    assert await counts(store) == (3, 3, 0, 0)
    one = await row(store)
    assert (one.status, one.fingerprint, one.content_size) == ("reading", "f2", 30)
    assert (one.is_read, one.completed_at) == (False, None)


async def test_a_version_that_has_grown_is_completed_again(store: StateStore) -> None:
    await mapped(store)
    await store.mark_announced(ID, "completed", 1)
    await grow(store)
    await publish(store, "b1", 2)
    await store.finish_reading(ID, 1, Mark(5, 30, 2), NOW)

    (completed,) = await commit(store, "b1", 2)
    assert (completed.source_version, completed.seen, completed.mapped) == (1, 5, 5)
    assert [one.source_id for one in await store.unannounced()] == [ID]

    longest = stat("a.jsonl", size=40, mtime_ns=3)
    begun = await store.begin_version(longest, ContentHash("f3", "f2", "r3"), RULES, LATER)
    assert begun == BegunVersion(1, RULES, Mark(5, 30, 2), (Segment(2, 40, "f3", "r3", LATER),))


async def test_an_answer_about_what_it_was_before_it_grew_is_none_about_what_it_is_now(
    store: StateStore,
) -> None:
    await mapped(store)
    await grow(store)
    await publish(store, "b1", 2)
    await store.finish_reading(ID, 1, Mark(5, 30, 2), NOW)
    await store.apply_committed([Commit("b1", ID, 1, 2)], LATER + timedelta(hours=1))

    await store.mark_announced(ID, "completed", 1, LATER)
    assert [one.source_id for one in await store.unannounced()] == [ID]
    await store.mark_announced(ID, "completed", 1, LATER + timedelta(hours=1))
    assert await store.unannounced() == []


async def test_late_news_about_what_was_mapped_before_it_grew_are_not_counted(
    store: StateStore,
) -> None:
    await mapped(store)
    await grow(store)

    assert await commit(store, "b0", 3) == []
    await bury(store, "embedding:b0", "b0", 3)
    assert await counts(store) == (3, 3, 0, 0)


async def test_a_version_may_grow_while_it_is_being_mapped(store: StateStore) -> None:
    await begin(store)
    await publish(store, "b0", 3)
    await store.finish_reading(ID, 1, MARK, NOW)

    assert await grow(store) == BegunVersion(1, RULES, MARK, (Segment(1, 30, "f2", "r2", LATER),))
    await publish(store, "b1", 2)
    await commit(store, "b0", 3)
    await store.finish_reading(ID, 1, Mark(5, 30, 2), NOW)
    (completed,) = await commit(store, "b1", 2)
    assert (completed.seen, completed.mapped) == (5, 5)


async def test_what_the_bus_has_lost_of_a_version_that_grew_is_sent_again_by_the_same_segments(
    store: StateStore,
) -> None:
    """A batch that began and ended elsewhere would have the id of another one."""
    await begin(store)
    await publish(store, "b0", 3)
    await store.finish_reading(ID, 1, MARK, NOW)
    await grow(store)
    await publish(store, "b1", 2)
    await store.finish_reading(ID, 1, Mark(5, 30, 2), NOW)
    await store.requeue(ID)

    both = (Segment(0, A.size, "f1", "f1", NOW), Segment(1, 30, "f2", "r2", LATER))
    assert await grow(store) == BegunVersion(1, RULES, BEGINNING, both)


async def test_what_was_mapped_before_it_grew_is_not_sent_again(store: StateStore) -> None:
    await mapped(store)
    await grow(store)
    await publish(store, "b1", 2)
    await store.finish_reading(ID, 1, Mark(5, 30, 2), NOW)
    await store.requeue(ID)

    assert await grow(store) == BegunVersion(1, RULES, MARK, (Segment(1, 30, "f2", "r2", LATER),))


async def test_a_version_may_grow_before_it_was_read_to_its_end(store: StateStore) -> None:
    await begin(store)

    both = (Segment(0, A.size, "f1", "f1", NOW), Segment(1, 30, "f2", "r2", LATER))
    assert await grow(store) == BegunVersion(1, RULES, BEGINNING, both)


class Whole(StateStore, LetterLedger, Protocol):
    """A ledger of both."""


@pytest.mark.parametrize("why", ["content", "reader", "forgotten", "replayed"])
async def test_what_cannot_grow_is_replaced(store: Whole, why: str) -> None:
    await mapped(store)
    if why == "forgotten":
        await store.forget(ID, COMMAND)
    if why == "replayed":
        death = Death("discovery:line", ID, 2, None, 1)
        await begin(store, "f0")
        await store.apply_deaths([death], LATER)
        await store.finish_reading(ID, 2, MARK, NOW)
        await store.replay(death, [resend("again")], "command")
    content = ContentHash("f2", "f0" if why in {"content", "replayed"} else "f1", "r2")
    before = (await row(store)).source_version
    rules = OTHER_READER if why == "reader" else RULES

    begun = await store.begin_version(LONGER, content, rules, LATER)
    assert begun == BegunVersion(
        before + 1, rules, BEGINNING, (Segment(0, 30, "f2", "f2", LATER),)
    )
    assert await counts(store) == (0, 0, 0, 0)


async def test_a_completed_content_is_not_begun_again(store: StateStore) -> None:
    await complete(store)

    assert await begin(store) == 1
    assert (await row(store)).status == "completed"


async def test_a_source_is_completed_when_all_is_mapped(store: StateStore) -> None:
    await begin(store)
    await publish(store, "b0", 3)
    await publish(store, "b1", 2)
    await commit(store, "b0", 3)
    assert await finish(store) == []
    assert await counts(store) == (5, 3, 0, 2)

    completed = await commit(store, "b1", 2)
    assert [one.status for one in completed] == ["completed"]
    assert completed[0].completed_at == LATER
    assert await counts(store) == (5, 5, 0, 0)


async def test_a_source_may_be_completed_by_the_end_of_its_reading(store: StateStore) -> None:
    await begin(store)
    await publish(store, "b0", 3)
    assert await commit(store, "b0", 3) == []

    assert [one.status for one in await finish(store)] == ["completed"]


async def test_a_commit_may_come_before_the_note_of_its_batch(store: StateStore) -> None:
    await begin(store)
    await commit(store, "b0", 2)
    await bury(store, "k", "b0")
    assert await counts(store) == (3, 2, 1, 0)

    await publish(store, "b0", 3)
    assert [one.status for one in await finish(store)] == ["completed"]
    assert await counts(store) == (3, 2, 1, 0)


async def test_an_empty_source_is_completed_by_the_commit_of_its_batch(store: StateStore) -> None:
    await begin(store)
    await publish(store, "b0", 0)
    assert await finish(store) == []

    assert [one.seen for one in await commit(store, "b0", 0)] == [0]


async def test_dead_letters_complete_a_source_too(store: StateStore) -> None:
    await begin(store)
    await bury(store, "discovery:line", None)
    await publish(store, "b0", 2)
    await finish(store)
    await commit(store, "b0", 1)

    completed = await bury(store, "embedding:record", "b0")
    assert [one.dead for one in completed] == [2]
    assert await counts(store) == (3, 1, 2, 0)


async def test_a_batch_may_die_as_a_whole(store: StateStore) -> None:
    await begin(store)
    await publish(store, "b0", 2)
    await finish(store)

    assert len(await bury(store, "k", "b0", records=2)) == 1
    assert await counts(store) == (2, 0, 2, 0)


async def test_a_completed_source_is_told_until_it_was_announced(store: StateStore) -> None:
    await complete(store)
    assert len(await commit(store, "b0", 3)) == 1
    assert [one.source_id for one in await store.unannounced()] == [ID]

    for _ in range(2):
        await store.mark_announced(ID, "completed", 1)
    assert await commit(store, "b0", 3) == []
    assert await store.unannounced() == []


async def test_the_announcement_of_an_old_version_is_not_that_of_the_new(
    store: StateStore,
) -> None:
    await begin(store, "f0")
    await begin(store)
    await publish(store, "b0", 0, version=2)
    await finish(store, version=2)
    await commit(store, "b0", 0, version=2)

    await store.mark_announced(ID, "completed", 1)
    assert len(await store.unannounced()) == 1


async def test_news_of_old_versions_and_unknown_sources_is_ignored(store: StateStore) -> None:
    await begin(store)
    await publish(store, "old", 3)
    await begin(store, "f2")

    assert await commit(store, "old", 3) == []
    assert await bury(store, "k", "old") == []
    await publish(store, "old", 3)
    assert await finish(store) == []
    assert await store.apply_committed([Commit("b", "unknown", 1, 3)], NOW) == []
    assert await counts(store) == (0, 0, 0, 0)
    assert (await row(store)).status == "reading"


async def test_late_news_of_a_completed_source_changes_nothing(store: StateStore) -> None:
    await complete(store)

    await commit(store, "b0", 3)
    await commit(store, "elsewhere", 9)
    await bury(store, "k", "b0")
    await publish(store, "b0", 3)
    assert await counts(store) == (3, 3, 0, 0)


async def test_a_replayed_record_of_a_completed_source_is_dead_no_more(store: StateStore) -> None:
    await begin(store)
    await publish(store, "b0", 3)
    await commit(store, "b0", 2)
    await bury(store, "k", "b0")
    await finish(store)

    await commit(store, "b0", 3)
    assert await counts(store) == (3, 3, 0, 0)


async def test_a_touched_source_stays_completed(store: StateStore) -> None:
    await complete(store)

    for _ in range(2):
        await store.note_unchanged(stat("a.jsonl", mtime_ns=9), LATER)
    one = await row(store)
    assert (one.status, one.signature, one.source_version) == ("completed", (10, 9), 1)


async def test_a_source_that_grows_keeps_what_it_has(store: StateStore) -> None:
    await complete(store)

    for _ in range(2):
        await store.note_incomplete(stat("a.jsonl", size=99), "no_final_answer", LATER)
    assert (await row(store)).status == "completed"
    assert await counts(store) == (3, 3, 0, 0)


async def test_a_failure_is_told_until_it_was_announced(store: StateStore) -> None:
    first = await store.fail(A, "no", NOW)
    assert first is not None
    assert (first.status, first.reason) == ("failed", "no")
    assert await store.fail(A, "no", NOW) == first

    await store.mark_announced(ID, "failed")
    assert await store.fail(A, "no", NOW) is None
    assert await store.fail(A, "other", NOW) is not None


async def test_a_failure_after_completion_is_lifted_when_the_content_is_there_again(
    store: StateStore,
) -> None:
    await complete(store)
    await store.mark_announced(ID, "completed", 1)
    await store.fail(A, "no", NOW)

    told = await store.note_unchanged(A, NOW)
    assert [(one.status, one.reason) for one in told] == [("completed", None)]


async def test_a_source_that_failed_is_begun_again(store: StateStore) -> None:
    await begin(store)
    await store.fail(A, "no", NOW)

    assert await begin(store) == 1
    assert (await row(store)).status == "reading"


async def test_what_is_not_finished_is_told(store: StateStore) -> None:
    await complete(store)
    await store.note_incomplete(stat("c.jsonl"), "no_final_answer", NOW)
    await store.begin_version(B, ContentHash("f"), RULES, NOW)

    assert [one.filename for one in await store.unfinished()] == ["b.jsonl"]
    assert await store.unfinished("other") == []


async def test_what_is_in_flight_can_be_read_again(store: StateStore) -> None:
    await begin(store)
    await publish(store, "b0", 3)
    await finish(store)

    assert await store.requeue(ID)
    assert await store.requeue(ID)
    assert await begin(store) == 1
    assert (await row(store)).status == "reading"
    assert await counts(store) == (3, 0, 0, 3)


async def test_what_is_nowhere_leaves_the_account_of_a_source_that_failed(
    store: StateStore,
) -> None:
    await begin(store)
    for batch_id, records in (("b0", 3), ("b1", 4), ("b2", 5)):
        await publish(store, batch_id, records)
    await commit(store, "b0", 3)
    await store.apply_deaths([Death("k", ID, 1, "b1", 1, is_of_record=True)], NOW)
    assert await store.withdraw(ID) == 0, "it has not failed"
    await store.fail(A, "it is gone", NOW)

    assert [one.source_id for one in await store.lost_with_source("default")] == [ID]
    assert await store.lost_batches(ID) == ["b1", "b2"]
    assert await store.withdraw(ID) == 8
    assert await store.withdraw(ID) == 0
    assert await counts(store) == (4, 3, 1, 0)
    assert await store.lost_with_source("default") == []


async def test_what_was_not_lost_after_all_counts_again(store: StateStore) -> None:
    await begin(store)
    await publish(store, "b0", 3)
    await publish(store, "b1", 4)
    await store.fail(A, "it is gone", NOW)
    await store.withdraw(ID)

    await commit(store, "b0", 3)
    assert await counts(store) == (3, 3, 0, 0)
    assert await begin(store) == 1
    await publish(store, "b0", 3)
    await publish(store, "b1", 4)
    assert await counts(store) == (7, 3, 0, 4)
    await commit(store, "b1", 4)
    await finish(store)
    assert (await row(store)).status == "completed"


async def test_what_is_completed_or_unknown_is_not_read_again(store: StateStore) -> None:
    await complete(store)

    assert not await store.requeue(ID)
    assert not await store.requeue("unknown")


async def test_only_sources_without_a_version_are_forgotten(store: StateStore) -> None:
    await complete(store)
    await store.note_incomplete(B, "no_final_answer", NOW)
    await store.note_incomplete(stat("c.jsonl"), "no_final_answer", NOW)

    assert await store.forget_missing("default", frozenset({B.source_id})) == 1
    assert [one.filename for one in await store.list_sources()] == ["a.jsonl", "b.jsonl"]


async def test_totals_are_of_one_collection(store: StateStore) -> None:
    await complete(store)
    await store.note_incomplete(B, "no_final_answer", NOW)
    await store.begin_version(stat("a.jsonl", collection="other"), ContentHash("f"), RULES, NOW)

    totals = await store.totals("default")
    assert totals.sources == {
        "incomplete": 1,
        "reading": 0,
        "dispatched": 0,
        "completed": 1,
        "failed": 0,
        "forgotten": 0,
    }


async def test_a_source_that_is_forgotten_gets_a_version_without_records(
    store: StateStore,
) -> None:
    await complete(store)

    one = await forget(store)
    assert (one.source_version, one.fingerprint, one.status) == (2, "f1", "dispatched")
    assert (one.is_forgotten, one.completed_at, one.wishes) == (True, None, (COMMAND,))
    assert await counts(store) == (0, 0, 0, 0)
    assert [found.source_id for found in await store.unfinished()] == [ID]


async def stage(
    store: StateStore, batch: str, records: int, version: int = 1
) -> list[SourceRecord]:
    told = [Commit(batch, ID, version, records, is_staged=True)]
    await store.apply_committed(told, NOW)
    return await store.apply_committed(told, NOW)


async def staged(store: StateStore) -> SourceRecord:
    """Have a version of two batches wait to be shown."""
    await begin(store)
    await publish(store, "b0", 3)
    await publish(store, "b1", 2)
    await finish(store)
    await stage(store, "b0", 3)
    assert [one for one in await stage(store, "b1", 1) if one.is_showing] == []
    await bury(store, "k", "b1")
    return await row(store)


async def test_a_version_is_shown_when_all_of_it_waits_or_is_dead(store: StateStore) -> None:
    one = await staged(store)

    assert one.is_showing
    assert one.status == "dispatched"
    assert (one.seen, one.staged, one.mapped, one.dead, one.in_flight) == (5, 4, 0, 1, 0)
    totals = await store.totals("default")
    assert (totals.mapped, totals.dead, totals.in_flight) == (0, 1, 4)
    assert [source.source_id for source in await store.unfinished()] == [ID]


async def second(store: StateStore) -> None:
    """Have a batch noted of a second version."""
    await complete(store)
    await begin(store, "f2")
    await publish(store, "b0", 3, version=2)


async def part_staged(store: StateStore) -> None:
    """Have two batches noted of a second version, one of which waits."""
    await second(store)
    await publish(store, "b1", 1, version=2)
    await stage(store, "b0", 3, version=2)


async def test_what_waits_of_a_source_that_fails_is_put_aside(store: StateStore) -> None:
    await part_staged(store)

    failed = await store.fail(A, "went away", NOW)

    assert failed is not None
    assert (failed.status, failed.source_version, failed.is_put_aside) == ("failed", 3, True)
    assert (failed.seen, failed.staged, failed.in_flight) == (0, 0, 0)
    assert [one.source_id for one in await store.unfinished()] == [ID]
    assert await stage(store, "b1", 1, version=2) == []
    assert await stage(store, failed.discarding_batch_id, 0, version=3) == []
    assert await store.unfinished() == []
    assert (await row(store)).status == "failed"


async def test_what_waits_after_its_source_has_failed_is_put_aside_too(store: StateStore) -> None:
    await second(store)
    failed = await store.fail(A, "went away", NOW)
    assert failed is not None
    assert not failed.is_put_aside
    assert await store.unfinished() == []

    told = Commit("b0", ID, 2, 3, is_staged=True)
    (after,) = await store.apply_committed([told], NOW)

    assert (after.source_version, after.is_put_aside) == (3, True)
    assert after.seen == 0


async def test_what_is_stored_of_a_source_that_fails_stays_in_its_account(
    store: StateStore,
) -> None:
    await second(store)
    await commit(store, "b0", 3, version=2)

    failed = await store.fail(A, "went away", NOW)

    assert failed is not None
    assert (failed.source_version, failed.mapped, failed.is_put_aside) == (2, 3, False)


async def test_after_what_was_put_aside_the_same_content_is_a_new_version(
    store: StateStore,
) -> None:
    await part_staged(store)
    await store.fail(A, "went away", NOW)

    begun = await store.begin_version(A, ContentHash("f2"), RULES, NOW)

    assert begun.number == 4
    assert (await row(store)).status == "reading"
    assert [one.status for one in await store.unfinished()] == ["reading"]


async def test_a_version_that_died_as_a_whole_takes_the_place_of_the_one_before(
    store: StateStore,
) -> None:
    """Nothing of it came to the dataset, which has the old rows."""
    await second(store)
    await finish(store, version=2)

    (one,) = await bury(store, "k", "b0", 3, version=2)
    assert (one.status, one.is_showing) == ("dispatched", True)
    (ended,) = await commit(store, one.showing_batch_id, 0, version=2)

    assert (ended.status, ended.is_showing) == ("completed", False)
    assert (ended.seen, ended.mapped, ended.dead) == (3, 0, 3)


async def test_a_first_version_that_died_as_a_whole_is_completed(store: StateStore) -> None:
    await begin(store)
    await publish(store, "b0", 3)
    await finish(store)

    (ended,) = await bury(store, "k", "b0", 3)

    assert ended.status == "completed"


async def test_a_version_that_was_shown_is_completed(store: StateStore) -> None:
    one = await staged(store)

    assert [row.is_showing for row in await commit(store, "b0", 3)] == [True]
    assert [row.is_showing for row in await commit(store, "b1", 1)] == [True]
    (ended,) = await commit(store, one.showing_batch_id, 0)

    assert (ended.status, ended.mapped, ended.staged, ended.dead) == ("completed", 4, 0, 1)
    assert not ended.is_showing
    assert await counts(store) == (5, 4, 1, 0)


async def test_a_version_does_not_end_before_it_is_shown(store: StateStore) -> None:
    await staged(store)
    await commit(store, "b0", 3)
    await commit(store, "b1", 1)

    assert (await row(store)).status == "dispatched"


async def test_that_a_batch_waited_is_old_news_when_it_is_stored(store: StateStore) -> None:
    one = await staged(store)
    await commit(store, "b0", 3)

    await stage(store, "b0", 3)
    await commit(store, "b1", 1)
    (ended,) = await commit(store, one.showing_batch_id, 0)

    assert (ended.mapped, ended.staged) == (4, 0)


async def test_a_version_that_waits_without_a_record_is_shown_too(store: StateStore) -> None:
    await begin(store)
    await publish(store, "b0", 0)
    await finish(store)

    (one,) = await stage(store, "b0", 0)

    assert one.is_showing


async def test_what_grows_while_it_is_shown_is_completed_with_the_rest(store: StateStore) -> None:
    one = await staged(store)
    await store.begin_version(A, ContentHash("f2", "f1", "r"), RULES, NOW)
    await publish(store, "b2", 1)
    await commit(store, "b0", 3)
    await commit(store, "b1", 1)
    await commit(store, one.showing_batch_id, 0)
    await finish(store)
    assert (await row(store)).status == "dispatched"

    (ended,) = await commit(store, "b2", 1)

    assert (ended.status, ended.mapped, ended.is_showing) == ("completed", 5, False)


async def test_another_content_and_forgetting_end_the_waiting(store: StateStore) -> None:
    await staged(store)
    await begin(store, "f2")
    other = await row(store)
    one = await forget(store)

    assert (other.staged, other.is_showing, other.in_flight) == (0, False, 0)
    assert (one.staged, one.is_showing) == (0, False)


async def test_forgetting_ends_with_the_commit_of_the_empty_batch(store: StateStore) -> None:
    await complete(store)
    one = await forget(store)
    assert await commit(store, "b0", 3) == []
    assert await store.unannounced() == []

    (ended,) = await commit(store, one.empty_batch_id, 0, version=2)
    assert (ended.status, ended.completed_at, ended.source_version) == ("forgotten", LATER, 2)
    assert await counts(store) == (0, 0, 0, 0)
    assert (await store.totals("default")).sources["forgotten"] == 1
    assert await store.unfinished() == []


async def test_a_forgotten_source_is_told_until_it_was_announced(store: StateStore) -> None:
    await complete(store)
    one = await forget(store)
    await commit(store, one.empty_batch_id, 0, version=2)
    assert [found.source_id for found in await store.unannounced()] == [ID]

    for status in ("completed", "forgotten"):
        await store.mark_announced(ID, status, 2)
    assert await store.unannounced() == []
    assert await commit(store, one.empty_batch_id, 0, version=2) == []


@pytest.mark.parametrize("is_known", [True, False])
async def test_what_never_had_a_version_cannot_be_forgotten(
    store: StateStore, *, is_known: bool
) -> None:
    if is_known:
        await store.note_incomplete(A, "no_final_answer", NOW)

    assert await store.forget(ID, COMMAND) is None
    assert list(await store.get([ID])) == [ID] * is_known


@pytest.mark.parametrize("state", ["reading", "dispatched", "failed"])
async def test_what_is_not_completed_can_be_forgotten(store: StateStore, state: str) -> None:
    await begin(store)
    await publish(store, "b0", 3)
    await bury(store, "k", None)
    if state == "dispatched":
        await finish(store)
    if state == "failed":
        await store.fail(A, "no", NOW)

    one = await forget(store)
    assert (one.source_version, one.is_read) == (2, True)
    assert await counts(store) == (0, 0, 0, 0)
    assert len(await commit(store, one.empty_batch_id, 0, version=2)) == 1


async def test_a_second_wish_keeps_the_version_and_both_are_known(store: StateStore) -> None:
    await complete(store)
    await forget(store)

    one = await forget(store, OTHER)
    assert (one.source_version, one.wishes) == (2, (COMMAND, OTHER))
    (ended,) = await commit(store, one.empty_batch_id, 0, version=2)
    assert ended.wishes == (COMMAND, OTHER)


async def test_a_wish_for_what_is_forgotten_changes_nothing(store: StateStore) -> None:
    await forgotten(store)

    one = await forget(store, OTHER)
    assert (one.status, one.source_version, one.is_announced) == ("forgotten", 2, True)
    assert await store.unannounced() == []


async def test_only_the_last_fulfilled_wishes_are_kept(store: StateStore) -> None:
    await forgotten(store)
    for number in range(40):
        await store.forget(ID, CommandRef(f"{number}", "c"))

    kept = [wish.key for wish in (await row(store)).wishes]
    assert kept == [f"{number}" for number in range(24, 40)]


async def test_another_content_of_a_forgotten_source_is_a_new_version(store: StateStore) -> None:
    await forgotten(store)

    assert await begin(store, "f2") == 3
    await publish(store, "n0", 1, version=3)
    await finish(store, version=3)
    (ended,) = await commit(store, "n0", 1, version=3)
    assert (ended.status, ended.is_forgotten) == ("completed", False)


async def test_a_wish_that_comes_again_does_not_touch_a_later_content(store: StateStore) -> None:
    await forgotten(store)
    await begin(store, "f2")

    one = await forget(store)
    assert (one.status, one.source_version, one.is_forgotten) == ("reading", 3, False)
    assert (await forget(store, OTHER)).source_version == 4


async def test_a_forgotten_source_may_be_touched_grow_and_become_unreadable(
    store: StateStore,
) -> None:
    await forgotten(store)

    for _ in range(2):
        assert await store.fail(stat("a.jsonl", mtime_ns=8), "no", LATER) is None
        assert (await row(store)).reason == "no"
        await store.note_incomplete(stat("a.jsonl", size=99), "no_final_answer", LATER)
        assert await store.note_unchanged(stat("a.jsonl", mtime_ns=9), LATER) == []
    one = await row(store)
    assert (one.status, one.reason, one.signature) == ("forgotten", None, (10, 9))


async def test_what_is_being_forgotten_is_not_read_again(store: StateStore) -> None:
    await complete(store)
    await forget(store)

    assert not await store.requeue(ID)
    assert (await row(store)).status == "dispatched"


async def test_the_death_of_the_empty_batch_does_not_end_forgetting(store: StateStore) -> None:
    await complete(store)
    one = await forget(store)

    assert await bury(store, "k", one.empty_batch_id, records=0, version=2) == []
    assert (await row(store)).status == "dispatched"


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "begin",
                "publish",
                "finish",
                "commit",
                "bury",
                "lose",
                "fail",
                "forget",
                "empty",
                "replay",
                "replay_whole",
                "drop",
                "return",
                "stage",
                "show",
            ]
        ),
        st.integers(0, 2),
        st.integers(0, 3),
    ),
    max_size=14,
)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=STEPS)
async def test_the_ledger_balances_whatever_happens(
    steps: list[tuple[str, int, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    async with SqliteStateStore.open(tmp_path_factory.mktemp("ledger")) as real:
        fake = FakeStateStore()
        stores: tuple[SqliteStateStore | FakeStateStore, ...] = (real, fake)
        for store in stores:
            await store.begin_version(A, ContentHash("f0"), RULES, NOW)
            for name, which, number in steps:
                await act(store, name, which, number)
                seen, mapped, dead, in_flight = await counts(store)
                assert seen == mapped + dead + in_flight
                assert (await row(store)).dropped <= dead
        assert sorted(map(str, await real.resends("default"))) == sorted(
            map(str, await fake.resends("default"))
        )
        assert await real.unreadable(ID) == await fake.unreadable(ID)
        assert await real.get([ID]) == await fake.get([ID])


async def act(  # noqa: PLR0912  one case per kind of news
    store: SqliteStateStore | FakeStateStore, name: str, which: int, number: int
) -> None:
    batch = f"b{which}"
    version = (await row(store)).source_version
    match name:
        case "begin":
            share = (None, 0.5, 0.0)[which]
            await store.begin_version(A, ContentHash(f"f{which}"), RULES, NOW, share)
        case "stage":
            await store.apply_committed([Commit(batch, ID, version, number, is_staged=True)], NOW)
        case "show":
            shown = (await row(store)).showing_batch_id
            waits = Commit(batch, ID, version, number)
            await store.apply_committed([waits, Commit(shown, ID, version, 0)], NOW)
        case "publish":
            await store.record_batch(batch, ID, version, number)
        case "finish":
            await store.finish_reading(ID, version, END, NOW)
        case "commit":
            await store.apply_committed([Commit(batch, ID, version, number)], NOW)
        case "bury":
            await store.apply_deaths([Death(f"k{number}", ID, version, batch, number)], NOW)
        case "lose":
            await store.apply_deaths(
                [Death(f"l{number}", ID, version, None, number, which, 1)], NOW
            )
        case "forget":
            await store.forget(ID, CommandRef(f"w{which}", "c"))
        case "empty":
            empty = (await row(store)).empty_batch_id
            await store.apply_committed([Commit(empty, ID, version, 0)], NOW)
        case "replay":
            death = Death(f"k{number}", ID, version, batch, number)
            await store.replay(death, [resend(f"r{number}", number)], "c1")
        case "replay_whole":
            death = Death(f"k{number}", ID, version, batch, number)
            await store.replay(death, [resend(batch, number)], "c2")
        case "drop":
            await store.drop(Death(f"l{number}", ID, version, None, number), "c3", NOW)
        case "return":
            await store.apply_committed([Commit(f"r{number}", ID, version, number)], NOW)
        case "fail":
            await store.fail(A, f"reason {number}", NOW)


async def test_accounts_of_dead_letters_go_with_the_letters(store: StateStore) -> None:
    await begin(store)
    await publish(store, "b0", 2)
    await commit(store, "b0", 1)
    await bury(store, "embedding:b0:r1", "b0")
    (ended, *_) = await finish(store)
    assert ended.completed_at
    open_one = stat("open.jsonl")
    await store.begin_version(open_one, ContentHash("f"), RULES, NOW)
    await store.record_batch("b1", open_one.source_id, 1, 3)

    before = await counts_of(store)
    assert await store.forget_accounts(ended.completed_at) == 0
    assert await store.forget_accounts(ended.completed_at + timedelta(seconds=1)) == 1
    assert await counts_of(store) == before == (5, 1, 1, 3)


async def test_failed_sources_are_told_by_name_and_not_all(store: StateStore) -> None:
    for name in ("c.jsonl", "a.jsonl", "b.jsonl"):
        await store.fail(stat(name), f"no {name}", NOW)
    await store.fail(stat("0.jsonl", collection="other"), "no", NOW)
    await store.begin_version(stat("0.jsonl"), ContentHash("f"), RULES, NOW)

    assert [one.filename for one in await store.failed("default", 2)] == ["a.jsonl", "b.jsonl"]
    assert [one.reason for one in await store.failed("default", 9)][2:] == ["no c.jsonl"]


async def counts_of(store: StateStore) -> tuple[int, int, int, int]:
    totals = await store.totals("default")
    return totals.seen, totals.mapped, totals.dead, totals.in_flight


async def test_when_the_consumers_on_the_way_were_made_is_kept(store: StateStore) -> None:
    assert await store.births("default") is None
    await store.note_births("default", "1")
    await store.note_births("other", "2")
    await store.note_births("default", "3")
    assert (await store.births("default"), await store.births("other")) == ("3", "2")
