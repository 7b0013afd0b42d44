"""What becomes of files that an analysis service reads, with the real ledger."""

from pathlib import Path
from typing import Any

import pytest

from services.discovery.adapters.json_lines_format import agent_run_format
from services.discovery.adapters.reader_format import ReaderFormat
from services.discovery.adapters.sqlite_state_store import SqliteStateStore
from services.discovery.domain.entries import BadLine
from services.discovery.formats import told_of
from services.discovery.handlers.fetches import Fetches
from services.discovery.handlers.jobs import record_of
from services.discovery.ports.jobs import Wish
from shared.contracts.analysis import RECORDS_TYPE, NoteAnalysis
from shared.contracts.collections import CollectionRecord
from shared.contracts.fetching import DeliverFetch
from tests.unit.discovery.file_world import World
from tests.unit.discovery.handlers.test_fetches import TWO, MovedClock, Scene
from tests.unit.discovery.test_reader_format import named

KEPT = {"blob": "a" * 64, "size_bytes": 9, "filename": "people.csv", "etag": '"9"'}
RECORDS = (
    b'{"text": "first", "key": "2", "name": "Ada", "type": "iteration"}\ntorn\n'
    b'"no record: {}"\n{"text": "second", "key": "3", "name": "Grace", "type": "iteration"}\n'
)


@pytest.fixture
async def scene(tmp_path: Path) -> Any:
    clock = MovedClock()
    async with SqliteStateStore.open(tmp_path / "state", clock) as store:
        world = World(tmp_path, store)
        yield Scene(world, clock, Fetches(store, store, world.uploads, clock))


async def note(scene: Scene, job: str, attempt: int = 0, **analysis: Any) -> bool:
    told = {"job": job, "attempt": attempt, "kept": KEPT, "analysis": analysis}
    return (await scene.fetches.note(NoteAnalysis.model_validate(told))).is_taken


async def test_another_courier_goes_on_with_what_was_noted(scene: Scene) -> None:
    job = await scene.begin()
    assert (await scene.work(job)).begun is None

    assert await note(scene, job, phase="analyzing", remote_id="7", items_processed=3)
    scene.clock.passed_s += 60
    (work,) = await scene.take(TWO)

    assert work.begun is not None
    assert (work.begun.remote_id, work.begun.kept.model_dump()) == ("7", KEPT | {"modified": None})
    assert (work.is_analyzed, work.has_records) == (True, False)
    told = record_of(await scene.job(job))
    assert told.analysis is not None
    assert (told.phase, told.analysis.phase) == ("acquiring", "analyzing")
    assert (told.analysis.items_processed, told.analysis.items_total) == (3, None)


async def test_what_is_noted_is_told_once_and_stands_in_the_log(scene: Scene) -> None:
    job = await scene.begin()
    before = (await scene.job(job)).revision

    for _ in range(2):
        await note(scene, job, phase="matching", items_processed=3, items_total=4)

    found = await scene.store.find_job(job)
    assert found is not None
    assert found[0].job.revision == before + 1
    assert found[1][-1].line == "analysis: matching (3 of 4 items)"
    assert (await scene.store.job_news(99))[-1].job.analysis == found[0].job.analysis


async def test_another_attempt_has_the_file_and_hands_it_over_anew(scene: Scene) -> None:
    job = await scene.begin()
    await note(scene, job, phase="analyzing", remote_id="7")
    await scene.end(job, "failed", reason="it stalled")
    assert not await note(scene, job, phase="matching", remote_id="7")

    await scene.store.retry_job("default", job, Wish("r", "me"))

    work = await scene.work(job)
    assert work.begun is not None
    assert (work.begun.remote_id, work.begun.kept.blob) == (None, KEPT["blob"])
    assert (await scene.job(job)).analysis is None
    assert not await note(scene, job, phase="matching", remote_id="7")
    assert await note(scene, job, 1, phase="analyzing", remote_id="8")
    work = await scene.work(job)
    assert work.begun is not None
    assert work.begun.remote_id == "8"


async def test_records_of_an_analysis_are_rows_and_what_is_none_is_dead(scene: Scene) -> None:
    job = await scene.begin(text_columns=("note",), context_columns=("x",))

    assert await scene.bring(job, RECORDS, is_analyzed=True)
    assert await scene.world.look() == ["read people.csv: first; second"]

    done = await scene.job(job)
    assert (done.state, done.counts.seen) == ("succeeded", 2)
    upload = (await scene.world.rows())["people.csv"].upload
    assert upload is not None
    assert (upload.media_type, upload.text_columns) == (RECORDS_TYPE, ("text",))
    parts = ReaderFormat(agent_run_format(), ("text",), None, told_of(RECORDS_TYPE)).read(
        named(RECORDS)
    )
    assert [one.line for one in parts if isinstance(one, BadLine)] == [2, 3]
    assert (await scene.work(await scene.begin())).has_records


async def test_a_delegated_file_has_counts_and_no_rows(scene: Scene) -> None:
    job = await scene.begin()
    await note(scene, job, phase="complete", items_processed=120, matches_found=80,
               review_queue=5, errors=2)  # fmt: skip

    assert await scene.end(job, "delegated")

    done = await scene.job(job)
    assert done.state == "succeeded"
    assert done.reason == (
        "delegated: the analysis service keeps what it has found, so nothing of it is on the map "
        "(120 items, 80 matched, 5 to review, 2 errors)"
    )
    assert await scene.world.look() == []
    assert await scene.world.rows() == {}
    again = DeliverFetch(job=job, attempt=0, outcome="delegated")
    assert not (await scene.fetches.deliver(again)).is_taken


async def test_a_collection_says_whether_its_files_are_analyzed(scene: Scene) -> None:
    store = scene.store
    record = CollectionRecord(
        id="1", name="default", title="default", revision=1, created_at=scene.clock.now()
    )
    await store.add_collections([record])
    job = await scene.begin()

    changed = await store.rename_collection("default", None, None, is_analyzed=False)
    assert changed is not None
    assert (changed.is_analyzed, changed.revision, changed.title) == (False, 2, "default")
    again = await store.rename_collection("default", None, None, is_analyzed=False)
    assert again == changed
    assert not (await scene.work(job)).is_analyzed


async def test_of_old_jobs_and_deleted_collections_nothing_stays(scene: Scene) -> None:
    job = await scene.begin()
    await note(scene, job, phase="analyzing")
    await scene.end(job, "failed", reason="no")
    later = scene.clock.now().replace(year=2100)

    await scene.store.drop_old_jobs(later, later)

    rows = scene.store._rows("SELECT job_id FROM analyses")
    assert [*rows] == []
