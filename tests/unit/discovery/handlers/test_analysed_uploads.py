"""Uploads that an analysis service reads, as fetched files are, with the real ledger."""

from pathlib import Path
from typing import Any

import pytest

from services.discovery.adapters.sqlite_state_store import SqliteStateStore
from services.discovery.domain.analyses import NO_ANALYSER, NOT_WANTED
from services.discovery.domain.fetches import MOST_TAKES
from services.discovery.domain.jobs import Job
from services.discovery.handlers.analysers import AWAY_S
from services.discovery.handlers.fetches import NOBODY_S, Fetches
from services.discovery.ports.jobs import Wish
from shared.contracts.analysis import RECORDS_TYPE, NoteAnalysis
from shared.contracts.collections import CollectionRecord
from shared.contracts.fetching import DeliverFetch, FetchWork, TakeFetches
from shared.contracts.uploads import SourceUploaded
from tests.blobs import put
from tests.unit.discovery.file_world import CSV, QUOTA, World
from tests.unit.discovery.handlers.test_fetches import ONE, TWO, MovedClock

JOB, NEXT = "a" * 32, "b" * 32
READ = "read a.csv: name: Ada, note: first; name: Grace, note: second"
RECORDS = b'{"text": "first, found", "key": "2"}\n{"text": "second, found", "key": "3"}\n'


class Scene:
    """Discovery, somebody who uploads, and couriers that do what a test says."""

    def __init__(self, folder: Path, store: SqliteStateStore, clock: MovedClock) -> None:
        self.world, self.store, self.clock = World(folder, store), store, clock
        self.fetches = Fetches(store, store, self.world.uploads, clock)

    async def take(
        self, courier: str = ONE, *held: str, can_analyze: bool = True
    ) -> list[FetchWork]:
        asked = TakeFetches(courier=courier, holding=held, room=9, can_analyze=can_analyze)
        return list((await self.fetches.take(asked)).items)

    async def upload(self, content: bytes = CSV, job: str = JOB, **fields: Any) -> SourceUploaded:
        done = await self.world.upload(content, job_id=job, **fields)
        assert isinstance(done, SourceUploaded)
        return done

    async def waiting(self, **fields: Any) -> FetchWork:
        """Upload a file, and have a courier begin with it."""
        await self.take()
        await self.upload(**fields)
        (work,) = await self.take()
        return work

    async def deliver(self, outcome: str, job: str = JOB, **fields: Any) -> bool:
        attempt = (await self.job(job)).retries
        told = {"job": job, "attempt": attempt, "outcome": outcome, **fields}
        return (await self.fetches.deliver(DeliverFetch.model_validate(told))).is_taken

    async def records(self, content: bytes = RECORDS, job: str = JOB) -> bool:
        """Bring records as a courier does: they are kept, then it is told."""
        blob = put(self.world.blobs, content, job, original_filename="a.csv")
        fields = {"blob": blob, "filename": "a.csv", "is_analyzed": True}
        return await self.deliver("fetched", job, **fields)

    async def job(self, job: str = JOB) -> Job:
        found = await self.store.find_job(job)
        assert found is not None
        return found[0].job

    async def last_line(self, job: str = JOB) -> list[str]:
        found = await self.store.find_job(job)
        assert found is not None
        return [one.line for one in found[1]]


@pytest.fixture
async def scene(tmp_path: Path) -> Any:
    clock = MovedClock()
    async with SqliteStateStore.open(tmp_path / "state", clock) as store:
        yield Scene(tmp_path, store, clock)


async def test_an_upload_is_a_job_of_the_courier_whose_file_is_there(scene: Scene) -> None:
    work = await scene.waiting()

    assert (work.url, work.filename, work.is_analyzed) == (None, "a.csv", True)
    assert work.begun is not None
    assert work.begun.remote_id is None
    assert scene.world.blobs.path(work.begun.kept.blob).read_bytes() == CSV
    assert (await scene.job()).phase == "acquiring"
    assert await scene.world.look() == []

    assert await scene.records()

    assert (await scene.job()).phase == "validating"
    assert await scene.world.look() == ["read a.csv: first, found; second, found"]
    done = await scene.job()
    assert (done.state, done.received, done.counts.seen) == ("succeeded", len(CSV), 2)
    row = (await scene.world.rows())["a.csv"]
    assert row.upload is not None
    assert (row.kind, row.upload.media_type) == ("upload", RECORDS_TYPE)
    assert scene.world.kept() == [RECORDS]
    assert await scene.take() == []


async def test_without_an_analyser_uploads_are_read_at_once(scene: Scene) -> None:
    await scene.take(can_analyze=False)
    await scene.upload()

    assert (await scene.job()).phase == "validating"
    assert await scene.take() == []
    assert await scene.world.look() == [READ]


async def test_that_there_is_an_analyser_outlasts_discovery(scene: Scene) -> None:
    await scene.take()
    again = Scene(scene.world.folder, scene.store, scene.clock)

    await again.upload()

    assert (await again.job()).phase == "acquiring"
    assert await again.take(can_analyze=False) == []
    (work,) = await again.take(TWO)
    assert work.job == JOB


async def test_a_collection_that_has_nothing_analysed_is_read_as_it_is(scene: Scene) -> None:
    now = scene.clock.now()
    record = CollectionRecord(id="1", name="default", title="d", revision=1, created_at=now)
    await scene.store.add_collections([record])
    await scene.take()
    await scene.upload()
    await scene.store.rename_collection("default", None, None, is_analyzed=False)

    assert await scene.take() == []

    assert NOT_WANTED in await scene.last_line()
    assert await scene.world.look() == [READ]
    await scene.upload(RECORDS, NEXT, name="b.jsonl")
    assert (await scene.job(NEXT)).phase == "validating"


async def test_what_is_in_hand_is_analysed_to_its_end_whatever_is_chosen(scene: Scene) -> None:
    now = scene.clock.now()
    record = CollectionRecord(id="1", name="default", title="d", revision=1, created_at=now)
    await scene.store.add_collections([record])
    await scene.waiting()
    await scene.store.rename_collection("default", None, None, is_analyzed=False)

    (work,) = await scene.take(ONE, JOB)

    assert (work.job, (await scene.job()).phase) == (JOB, "acquiring")


async def test_when_the_analyser_has_gone_what_waits_is_read_and_says_so(scene: Scene) -> None:
    await scene.take()
    await scene.upload()
    assert await scene.take(TWO, can_analyze=False) == []
    assert (await scene.job()).phase == "acquiring"

    scene.clock.passed_s += AWAY_S
    assert await scene.take(TWO, can_analyze=False) == []

    assert NO_ANALYSER in await scene.last_line()
    assert await scene.world.look() == [READ]
    await scene.upload(RECORDS, NEXT, name="b.jsonl")
    assert (await scene.job(NEXT)).phase == "validating"


async def test_when_no_courier_asks_what_waits_is_read_and_says_so(scene: Scene) -> None:
    await scene.waiting()
    note = {"kept": {"blob": "c" * 64, "size_bytes": 1, "filename": "a.csv"}}
    told = {"job": JOB, "attempt": 0, "analysis": {"phase": "analyzing"}, **note}
    assert (await scene.fetches.note(NoteAnalysis.model_validate(told))).is_taken

    scene.clock.passed_s += NOBODY_S
    await scene.fetches.give_up()

    job = await scene.job()
    assert (job.phase, job.analysis) == ("validating", None)
    assert NO_ANALYSER in await scene.last_line()
    assert await scene.world.look() == [READ]
    await scene.records()  # it comes too late
    assert await scene.world.look() == []


async def test_a_failed_analysis_keeps_the_file_and_is_tried_again(scene: Scene) -> None:
    await scene.waiting()
    assert await scene.deliver("failed", reason="the analysis service: it is torn")

    failed = await scene.job()
    assert (failed.state, failed.can_retry) == ("failed", True)
    assert (scene.world.kept(), await scene.world.rows()) == ([CSV], {})
    await scene.store.retry_job("default", JOB, Wish("r", "me"))
    (work,) = await scene.take()

    assert (work.attempt, work.begun and work.begun.kept.size_bytes) == (1, len(CSV))
    assert await scene.records()
    assert await scene.world.look() == ["read a.csv: first, found; second, found"]
    assert scene.world.kept() == [RECORDS]


async def test_a_delegated_upload_has_no_rows_and_keeps_no_bytes(scene: Scene) -> None:
    await scene.waiting()

    assert await scene.deliver("delegated")

    done = await scene.job()
    assert (done.state, (done.reason or "").split(":")[0]) == ("succeeded", "delegated")
    assert await scene.world.look() == []
    assert (await scene.world.rows(), scene.world.kept()) == ({}, [])


async def test_a_cancelled_upload_is_let_go_of(scene: Scene) -> None:
    await scene.waiting()

    await scene.store.cancel_job("default", JOB, Wish("c", "me"))

    assert await scene.take() == []
    assert not await scene.records()
    await scene.world.uploads.follow()
    assert CSV not in scene.world.kept()


async def test_records_take_the_place_of_a_content_when_they_are_shown(scene: Scene) -> None:
    await scene.upload()
    await scene.world.look()
    await scene.take()
    await scene.upload(b"name,note\nLise,third\n", NEXT, replace=True)
    (work,) = await scene.take()
    assert work.job == NEXT
    assert (await scene.world.rows())["a.csv"].mapped == 2

    assert await scene.records(job=NEXT)

    assert await scene.world.look() == ["read a.csv: first, found; second, found"]
    assert [*await scene.world.rows()] == ["a.csv"]
    assert scene.world.kept() == [RECORDS]


async def test_an_analysis_that_gives_the_file_back_keeps_its_bytes(scene: Scene) -> None:
    await scene.waiting(content=RECORDS, name="a.csv")

    assert await scene.records()

    assert await scene.world.look() == ["read a.csv: first, found; second, found"]
    assert scene.world.kept() == [RECORDS]


async def test_more_records_than_the_quota_are_a_reason_and_the_file_stays(scene: Scene) -> None:
    await scene.waiting()

    await scene.records(RECORDS * QUOTA)
    await scene.world.uploads.follow()

    failed = await scene.job()
    assert (failed.state, "blobs.quota_mb" in (failed.reason or "")) == ("failed", True)
    assert scene.world.kept() == [CSV]


async def test_the_same_command_again_gets_the_same_answer_after_an_analysis(scene: Scene) -> None:
    await scene.take()
    first = await scene.upload()
    await scene.take()
    await scene.records()
    await scene.world.look()

    again = await scene.upload()

    assert replace_time(again, first) == first


async def test_a_file_that_ends_couriers_fails(scene: Scene) -> None:
    await scene.waiting()
    for number in range(MOST_TAKES):
        assert (await scene.job()).state == "running"
        scene.clock.passed_s += AWAY_S
        await scene.take(f"{number:032x}")

    assert (await scene.job()).state == "failed"


def replace_time(told: SourceUploaded, other: SourceUploaded) -> SourceUploaded:
    return told.model_copy(update={"occurred_at": other.occurred_at})
