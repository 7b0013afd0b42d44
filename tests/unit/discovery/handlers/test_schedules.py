"""Schedules in the real ledger, with a clock that jumps and a process that ends and begins."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from services.discovery.adapters.sqlite_state_store import SqliteStateStore
from services.discovery.handlers.fetches import Fetches
from services.discovery.handlers.schedules import ScheduleBook
from services.discovery.ports.jobs import JobFilter, Order, Wish
from shared.contracts.collections import CollectionRecord
from shared.contracts.fetching import DeliverFetch
from shared.contracts.schedules import (
    ChangeSchedule,
    ListSchedules,
    ScheduleChanged,
    ScheduleRecord,
)
from tests.blobs import put
from tests.builders import NOW
from tests.unit.discovery.file_world import CSV, World

URL = "https://example.org/a.csv"
HOUR = timedelta(hours=1)


@dataclass
class JumpingClock:
    """The time of day, which a test sets as it likes."""

    at: datetime = NOW

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return 0.0


@dataclass
class Scene:
    """Discovery, as far as schedules go."""

    store: SqliteStateStore
    clock: JumpingClock
    book: ScheduleBook
    world: World

    async def change(self, action: str, **fields: Any) -> ScheduleChanged:
        wish = {"action": action, "by": "anna", **fields}
        return await self.book.change(ChangeSchedule.model_validate(wish))

    async def add(self, every_hours: int = 8, url: str = URL) -> ScheduleRecord:
        done = await self.change("add", collection="default", url=url, every_hours=every_hours)
        assert done.schedule is not None
        return done.schedule

    async def one(self) -> ScheduleRecord:
        (found,) = (await self.book.tell(ListSchedules())).items
        return found

    async def follow(self) -> ScheduleRecord:
        await self.book.follow()
        return await self.one()

    async def end_all(self, *, is_good: bool = True) -> None:
        """Have a courier fetch what is wanted, or say that it cannot."""
        fetches = Fetches(self.store, self.store, self.world.uploads, self.clock)
        for one in await self.store.errands():
            told = {"job": one.job.id, "attempt": one.job.retries}
            if not is_good:
                told |= {"outcome": "failed", "reason": "away"}
            elif await self.world.rows():
                told |= {"outcome": "unchanged"}
            else:
                blob = put(self.world.blobs, CSV, one.job.id, original_filename="a.csv")
                told |= {"outcome": "fetched", "blob": blob, "filename": "a.csv"}
            assert (await fetches.deliver(DeliverFetch.model_validate(told))).is_taken
            await self.world.look()


@asynccontextmanager
async def opened(folder: Path, clock: JumpingClock) -> AsyncIterator[Scene]:
    async def is_served(collection: str) -> bool:
        return collection == "default"

    async with SqliteStateStore.open(folder / "state", clock) as store:
        record = CollectionRecord(id="1", name="default", title="D", revision=1, created_at=NOW)
        await store.add_collections([record])
        world = World(folder, store)
        await world.uploads.load()
        yield Scene(store, clock, ScheduleBook(store, clock, is_served), world)


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with opened(tmp_path, JumpingClock()) as one:
        yield one


async def test_in_ten_days_of_jumps_and_restarts_each_slot_is_run_once_or_counted(
    tmp_path: Path,
) -> None:
    clock, chance = JumpingClock(), Random(12)  # noqa: S311
    begin = furthest = clock.at
    async with opened(tmp_path, clock) as scene:
        await scene.add(every_hours=2)
    hours, restarts = 0.0, 0
    while hours < 240:
        restarts += 1
        async with opened(tmp_path, clock) as scene:
            for _ in range(14):
                hours += 0.5
                clock.at += HOUR / 2
                if chance.random() < 0.03:
                    clock.at += chance.choice((9 * HOUR, -HOUR))
                furthest = max(furthest, clock.at)
                await scene.follow()
                if chance.random() < 0.15:
                    await scene.end_all(is_good=chance.random() < 0.5)
    async with opened(tmp_path, clock) as scene:
        clock.at = furthest
        one = await scene.follow()
        jobs = await scene.store.list_jobs(JobFilter(limit=1000))

    slots = (furthest - begin) // (2 * HOUR) + 1
    assert restarts > 30
    assert one.ran + one.missed + one.overlapped == slots
    assert min(one.ran, one.missed, one.overlapped) > 0
    assert one.ran == len(jobs)
    assert {job.job.created_by for job in jobs} == {f"schedule:{one.id}"}


async def test_a_run_is_a_job_and_one_at_a_time(scene: Scene) -> None:
    await scene.add()
    one = await scene.follow()
    (errand,) = await scene.store.errands()
    assert (errand.url, errand.job.created_by) == (URL, f"schedule:{one.id}")
    assert (one.ran, one.next_at) == (1, NOW + 8 * HOUR)

    scene.clock.at += 8 * HOUR
    await scene.follow()
    await scene.follow()
    await scene.end_all()
    scene.clock.at += 17 * HOUR
    one = await scene.follow()

    assert (one.ran, one.missed, one.overlapped) == (2, 1, 1)
    assert [(run.outcome, run.slots) for run in one.runs] == [
        ("ran", 1),
        ("missed", 1),
        ("overlapped", 1),
        ("ran", 1),
    ]
    assert one.runs[0].slot == NOW + 24 * HOUR
    assert one.succeeded_at == NOW + 8 * HOUR


async def test_by_hand_it_is_run_while_nothing_runs_and_ten_times_a_minute(scene: Scene) -> None:
    one = await scene.add()
    assert (await scene.change("run", schedule="0" * 20)).outcome == "unknown"
    assert (await scene.change("run", schedule=one.id)).outcome == "done"
    assert (await scene.change("run", schedule=one.id)).outcome == "running"
    for _ in range(9):
        await scene.end_all()
        assert (await scene.change("run", schedule=one.id)).outcome == "done"
    await scene.end_all()
    assert (await scene.change("run", schedule=one.id)).outcome == "too often"
    scene.clock.at += timedelta(seconds=61)
    assert (await scene.change("run", schedule=one.id)).outcome == "done"

    told = await scene.one()
    assert (told.ran, told.next_at) == (0, NOW)
    assert {run.outcome for run in told.runs} == {"by hand"}


async def test_by_another_name_it_is_another_source_from_its_next_run_on(scene: Scene) -> None:
    one = await scene.add()
    await scene.follow()
    await scene.end_all()
    renamed = await scene.change("change", schedule=one.id, filename="b.csv")
    other = await scene.add()
    taken = await scene.change("change", schedule=other.id, filename="b.csv")
    same = await scene.change("change", schedule=one.id, filename="b.csv")
    await scene.change("run", schedule=one.id)
    errands = {found.job.created_by: found.filename for found in await scene.store.errands()}

    assert renamed.schedule is not None
    assert (renamed.schedule.filename, renamed.schedule.next_at) == ("b.csv", NOW + 8 * HOUR)
    assert (taken.outcome, same.outcome) == ("refused", "done")
    assert errands == {f"schedule:{other.id}": "a.csv", "anna": "b.csv"}
    assert set(await scene.world.rows()) == {"a.csv"}


async def test_many_are_run_together_as_one_run_by_hand(scene: Scene) -> None:
    ids = [(await scene.add(url=f"https://example.org/{number}.csv")).id for number in range(12)]
    busy = await scene.change("run", schedule=ids[0])
    together = await scene.change("run", schedules=[*ids, ids[1], "0" * 20])
    again = await scene.change("run", schedules=ids)

    jobs = await scene.store.list_jobs(JobFilter(limit=100))
    assert {one.job.id for one in jobs} == {*busy.jobs, *together.jobs}
    assert (together.outcome, len(together.jobs), len(together.reasons)) == ("done", 11, 2)
    assert (again.outcome, again.jobs) == ("running", ())
    more = [(await scene.add(url=f"https://example.org/x{number}.csv")).id for number in range(9)]
    outcomes = [(await scene.change("run", schedule=one)).outcome for one in more]
    assert outcomes == ["done"] * 8 + ["too often"]


async def test_what_is_paused_misses_its_slots_and_goes_on_with_the_grid(scene: Scene) -> None:
    one = await scene.add()
    await scene.change("change", schedule=one.id, is_paused=True)
    # The slot that had come before is decided as it was before.
    assert (await scene.one()).ran == 1
    await scene.end_all()
    scene.clock.at += 20 * HOUR
    paused = await scene.follow()
    assert (paused.missed, paused.ran, paused.is_stale) == (2, 1, False)

    await scene.change("change", schedule=one.id, is_paused=False)
    scene.clock.at += 4 * HOUR
    assert (await scene.follow()).ran == 2
    other = (await scene.change("change", schedule=one.id, every_hours=3)).schedule
    assert other is not None
    assert other.next_at == NOW + 27 * HOUR


async def test_changes_are_audited_and_a_url_has_one_schedule(scene: Scene) -> None:
    one = await scene.add()
    again = await scene.change("add", collection="default", url=URL, every_hours=1)
    nowhere = await scene.change("add", collection="nowhere", url=URL, every_hours=1)
    await scene.change("change", schedule=one.id, every_hours=4)
    await scene.change("change", schedule=one.id, every_hours=4)
    removed = await scene.change("remove", schedule=one.id)

    assert (again.outcome, nowhere.outcome, removed.outcome) == ("refused", "unknown", "done")
    assert (await scene.book.tell(ListSchedules())).items == ()
    rows = await scene.store.list_audit(JobFilter())
    ours = [(row.who, row.action) for row in rows if row.kind == "schedule"]
    assert ours == [("anna", "remove"), ("anna", "change"), ("anna", "add")]
    await scene.store.remove_rows("default", 100)


async def test_nothing_fresh_is_told_until_a_run_succeeds(scene: Scene) -> None:
    await scene.add()
    await scene.follow()
    await scene.end_all(is_good=False)
    scene.clock.at += 12 * HOUR + timedelta(seconds=1)
    assert (await scene.follow()).is_stale
    assert scene.book.stale == {"default": 1}

    await scene.end_all()
    await scene.follow()
    assert scene.book.stale == {"default": 0}


async def test_a_source_with_another_job_is_overlapped(scene: Scene) -> None:
    await scene.add()
    await scene.follow()
    (errand,) = await scene.store.errands()
    order = Order(collection="default", kind="delete", sources=(errand.job.source_id,))
    (refused,) = await scene.store.submit_jobs(order, Wish("k", "bob"))
    assert refused.job is None
    scene.clock.at += 8 * HOUR
    assert (await scene.follow()).overlapped == 1
