"""Columns that a collection prefers: chosen, taken by what comes, and by what is read again."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from services.discovery.adapters.reader_columns import ReaderColumns
from services.discovery.adapters.sqlite_state_store import SqliteStateStore
from services.discovery.domain.fetches import FetchOrder
from services.discovery.domain.jobs import Job
from services.discovery.domain.preferences import Chosen
from services.discovery.handlers.preferences import PreferenceBook
from services.discovery.ports.jobs import JobFilter, Order, Submitted, Wish
from shared.contracts.preferences import (
    ListPreferences,
    PreferencePage,
    PreferencesSet,
    SetPreferences,
)
from tests.unit.discovery.file_world import CLOCK, World

NOTE = {"text_columns": ("note",), "context_columns": ("name",)}
OTHER = b"title,note,year\nA,third,1999\n"
PLAIN = b"title\nalone\n"


@dataclass
class Scene:
    """A collection, its files, and who chooses for it."""

    world: World
    book: PreferenceBook
    keys: int = 0

    @property
    def store(self) -> SqliteStateStore:
        return self.world.store

    async def choose(self, by: str = "anna", **fields: Any) -> PreferencesSet:
        return await self.book.choose(SetPreferences(collection="default", by=by, **fields))

    async def told(self) -> PreferencePage:
        return await self.book.tell(ListPreferences(collection="default"))

    async def upload(self, content: bytes = OTHER, name: str = "b.csv", **fields: Any) -> None:
        await self.world.upload(content, name, **fields)

    async def version_of(self, name: str) -> int | None:
        upload = (await self.world.rows())[name].upload
        assert upload is not None
        return upload.preferences

    async def submit(self, *names: str) -> list[Submitted]:
        self.keys += 1
        order = Order(collection="default", kind="re-embed", sources=names, with_preferences=True)
        return await self.store.submit_jobs(order, Wish(f"{self.keys}@t", "bob"))

    async def begin(self, name: str) -> Job:
        (done,) = await self.submit(name)
        assert done.job is not None, done.reason
        return await self.job(done.job.id)

    async def job(self, job_id: str) -> Job:
        found = await self.store.find_job(job_id)
        assert found is not None
        return found[0].job


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async def is_served(collection: str) -> bool:
        return collection == "default"

    async with SqliteStateStore.open(tmp_path / "state") as store:
        world = World(tmp_path, store)
        await world.upload()
        await world.look()
        yield Scene(world, PreferenceBook(store, ReaderColumns(world.blobs), CLOCK, is_served))


async def test_each_choice_is_a_version_that_says_who_made_it(scene: Scene) -> None:
    assert (await scene.told()).active is None
    for fields in (NOTE, NOTE, {}, {"text_columns": ("name",)}):
        done = await scene.choose(by=f"by {len(fields)}", **fields)
        assert done.preferences is not None
    told = await scene.told()

    assert told.active is not None
    assert (told.active.version, told.active.text_columns) == (3, ("name",))
    assert [(one.version, one.updated_by) for one in told.earlier] == [(2, "by 0"), (1, "by 2")]
    rows = await scene.store.list_audit(JobFilter(collection="default"))
    audit = [one for one in rows if one.kind == "preferences"]
    assert [(one.who, one.action, one.kind, one.filename) for one in audit] == [
        ("by 1", "change", "preferences", "version 3"),
        ("by 0", "change", "preferences", "version 2"),
        ("by 2", "change", "preferences", "version 1"),
    ]
    assert audit[2].reason == "text: note; kept beside it: name"


async def test_only_columns_that_its_tables_have_are_taken_and_the_others_are_named(
    scene: Scene,
) -> None:
    await scene.upload()
    done = await scene.choose(text_columns=("year", "colour"), context_columns=("shape", "name"))

    assert done.preferences is None
    assert done.reason == (
        "no table of the collection has 'colour', 'shape'; its uploaded tables have: "
        "name, note, title, year"
    )
    assert (await scene.told()).active is None
    assert (await scene.choose(text_columns=("year", "name"))).preferences
    assert (await scene.told()).columns == ("name", "note", "title", "year")


async def test_of_no_collection_and_of_no_table_nothing_is_chosen(scene: Scene) -> None:
    wish = SetPreferences(collection="nowhere", by="anna")
    assert "nobody serves" in str((await scene.book.choose(wish)).reason)
    await scene.upload(b'{"type": "metadata"}\nnothing of this is a table', "c.jsonl")
    assert (await scene.choose(text_columns=("type",))).preferences is None
    assert (await scene.told()).unknown == 0


async def test_what_comes_without_columns_is_read_by_them_as_far_as_it_has_them(
    scene: Scene,
) -> None:
    await scene.choose(**NOTE)
    await scene.upload()
    await scene.upload(PLAIN, "c.csv")
    await scene.upload(name="d.csv", text_columns=("title",))
    await scene.upload(name="e.csv", columns="own")

    first, rest = await scene.world.look(), await scene.world.look()  # three are read at a time
    assert sorted([*first, *rest]) == [
        "read b.csv: third",
        "read c.csv: alone",
        "read d.csv: A",
        "read e.csv: title: A, note: third, year: 1999",
    ]
    versions = [await scene.version_of(one) for one in ("a.csv", "b.csv", "c.csv", "d.csv")]
    assert versions == [None, 1, 1, None]
    await scene.choose(text_columns=("name",))
    assert await scene.version_of("b.csv") == 1
    assert await scene.world.look() == []


async def test_columns_of_an_upload_are_kept_for_the_collection(scene: Scene) -> None:
    await scene.upload(text_columns=("year",), columns="kept", job_id="once")
    told = await scene.told()

    assert told.active is not None
    assert (told.active.text_columns, told.active.updated_by) == (("year",), "somebody")
    await scene.choose(**NOTE)
    await scene.upload(text_columns=("year",), columns="kept", job_id="once")  # delivered again
    now = (await scene.told()).active
    assert now is not None
    assert now.text_columns == ("note",)


async def test_a_fetch_without_columns_takes_them_when_it_is_asked_for(scene: Scene) -> None:
    await scene.choose(**NOTE)
    urls = ("https://example.org/1", "https://example.org/2", "https://example.org/3")
    orders = (
        FetchOrder(collection="default", urls=urls[:1]),
        FetchOrder(collection="default", urls=urls[1:2], columns="own"),
        FetchOrder(collection="default", urls=urls[2:], text_columns=("year",)),
    )
    for one in orders:
        await scene.store.submit_fetches(one, Wish(one.urls[0], "me"))
    await scene.choose(text_columns=("name",))

    errands = await scene.store.errands()
    found = [
        (Chosen(one.text_columns, one.context_columns), one.job.preferences) for one in errands
    ]
    assert found == [
        (Chosen(("note",), ("name",)), 1),
        (Chosen(), None),
        (Chosen(("year",)), None),
    ]


async def test_a_source_is_read_by_them_when_it_is_embedded_again_with_them(scene: Scene) -> None:
    await scene.choose(**NOTE)
    job = await scene.begin("a.csv")
    assert (job.preferences, job.phase, job.state) == (1, "acquiring", "running")
    assert await scene.world.look() == []  # not before it is read by other columns
    assert await scene.version_of("a.csv") is None

    assert await scene.world.uploads.rechoose(job)
    assert await scene.world.look() == ["read a.csv: first; second"]
    ended = await scene.job(job.id)
    assert (ended.state, ended.preferences) == ("succeeded", 1)
    assert await scene.version_of("a.csv") == 1


@pytest.mark.parametrize("way", ["cancelled", "failed"])
async def test_a_source_is_read_as_before_if_that_does_not_succeed(scene: Scene, way: str) -> None:
    await scene.choose(**NOTE)
    job = await scene.begin("a.csv")
    await scene.world.uploads.rechoose(job)
    await scene.world.uploads.rechoose(job)  # told again, it is what it was
    if way == "cancelled":
        await scene.store.cancel_job("default", job.id, Wish("c", "bob"))
    else:
        await scene.store.fail_job(job.id, "for a test")
    await scene.world.uploads.refresh(job.source_id)

    assert (await scene.job(job.id)).state == way
    upload = (await scene.world.rows())["a.csv"].upload
    assert upload is not None
    assert (upload.text_columns, upload.context_columns, upload.preferences) == ((), None, None)
    order = Order(collection="default", kind="re-embed", sources=("a.csv",))
    await scene.store.submit_jobs(order, Wish("again", "bob"))
    assert await scene.world.look() == [
        "read a.csv: name: Ada, note: first; name: Grace, note: second"
    ]


async def test_what_replaces_it_later_keeps_its_own_columns(scene: Scene) -> None:
    await scene.choose(**NOTE)
    job = await scene.begin("a.csv")
    await scene.world.uploads.rechoose(job)
    await scene.upload(name="a.csv", replace=True, text_columns=("title",))  # it has a job
    await scene.store.fail_job(job.id, "for a test")
    assert await scene.version_of("a.csv") is None
    await scene.upload(name="a.csv", replace=True, text_columns=("title",))
    await scene.world.look()

    upload = (await scene.world.rows())["a.csv"].upload
    assert upload is not None
    assert (upload.text_columns, upload.preferences) == (("title",), None)


async def test_there_is_no_such_job_without_preferences_or_of_a_file_of_a_folder(
    scene: Scene,
) -> None:
    (none,) = await scene.submit("a.csv")
    assert "prefers no columns yet" in str(none.reason)
    await scene.choose(**NOTE)
    (scene.world.folder / "logs" / "f.jsonl").write_bytes(
        b'{"type": "metadata"}\n{"type": "iteration", "iteration": 1, "response": "x"}\n'
    )
    await scene.world.look()
    (unfit,) = await scene.submit("f.jsonl")
    assert unfit.job is None
