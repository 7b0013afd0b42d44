"""Files that people hand in, as the ledger, the folder of their bytes and a look have them."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from services.discovery.adapters.sqlite_state_store import SqliteStateStore
from services.discovery.domain.sources import SourceStat
from services.discovery.domain.uploads import UploadedFile
from services.discovery.handlers.forget import Rejected
from services.discovery.handlers.uploads import MISSING
from services.discovery.ports.jobs import Wish
from shared.contracts.source_list import ListSources, SourceTotals
from shared.contracts.uploads import SourceUploaded, Upload
from tests.blobs import put
from tests.unit.discovery.builders import final, iteration, log
from tests.unit.discovery.file_world import CLOCK, CSV, QUOTA, World


@pytest.fixture
async def world(tmp_path: Path) -> Any:
    async with SqliteStateStore.open(tmp_path / "state") as store:
        yield World(tmp_path, store)


async def test_an_uploaded_table_is_read_record_by_record(world: World) -> None:
    told = await world.upload()

    assert isinstance(told, SourceUploaded)
    assert (told.filename, told.size_bytes, told.has_replaced) == ("a.csv", len(CSV), False)
    (paths,) = world.looked_at
    assert await world.look(paths) == [
        "read a.csv: name: Ada, note: first; name: Grace, note: second"
    ]
    assert await world.look() == []
    row = (await world.rows())["a.csv"]
    assert (row.kind, row.status, row.mapped) == ("upload", "completed", 2)
    assert row.upload is not None
    assert row.upload.uploaded_by == "somebody"


async def test_a_log_of_a_run_is_read_as_such_though_it_has_no_end(world: World) -> None:
    await world.upload(log(iteration(1, "one"), iteration(2, "two")), "run.jsonl")

    assert await world.look() == ["read run.jsonl: one; two"]


async def test_the_chosen_columns_make_the_text(world: World) -> None:
    await world.upload(text_columns=("note",), context_columns=())

    assert await world.look() == ["read a.csv: first; second"]


async def test_a_column_that_is_not_there_is_a_reason(world: World) -> None:
    await world.upload(context_columns=("year",))
    with pytest.raises(Exception, match="has no column 'year'; change context_columns"):
        await world.look()


async def test_a_second_file_of_a_name_has_a_number(world: World) -> None:
    (world.folder / "logs" / "b.csv.jsonl").write_bytes(log(iteration(), final()))
    names = []
    for name in ("a.csv", "a.csv", "b.csv.jsonl", "a.csv"):
        told = await world.upload(name=name)
        assert isinstance(told, SourceUploaded)
        names.append(told.filename)

    assert names == ["a.csv", "a (2).csv", "b.csv.jsonl", "a (3).csv"]


async def test_a_name_that_a_folder_has_is_not_taken(world: World) -> None:
    (world.folder / "logs" / "run.jsonl").write_bytes(log(iteration(1, "one"), final()))
    await world.look()

    told = await world.upload(name="run.jsonl", replace=True)

    assert isinstance(told, SourceUploaded)
    assert told.filename == "run (2).jsonl"


async def test_a_file_that_comes_to_a_folder_by_the_name_of_an_uploaded_one_stops_nobody(
    world: World,
) -> None:
    await world.upload(log(iteration(1, "mine"), final()), "run.jsonl")
    await world.look()
    (world.folder / "logs" / "run.jsonl").write_bytes(log(iteration(1, "theirs"), final()))

    assert await world.look() == ["FolderUnreadable"]


async def test_equal_files_are_two_and_their_bytes_are_kept_until_the_last_is_removed(
    world: World,
) -> None:
    await world.upload(name="a.csv")
    await world.upload(name="b.csv")
    assert len(await world.look()) == 2
    assert world.kept() == [CSV]

    await world.remove("a.csv")
    assert world.kept() == [CSV]
    await world.remove("b.csv")
    assert world.kept() == []


async def test_replacing_gives_the_name_another_content(world: World) -> None:
    await world.upload()
    await world.look()
    told = await world.upload(b"name\nLise\n", replace=True)

    assert isinstance(told, SourceUploaded)
    assert (told.filename, told.has_replaced) == ("a.csv", True)
    assert await world.look(world.looked_at[-1]) == ["read a.csv: Lise"]
    assert world.kept() == [b"name\nLise\n"]
    assert (await world.rows())["a.csv"].source_version == 2


async def test_a_glance_tells_of_what_is_uploaded_or_in_a_folder(world: World) -> None:
    async def seen() -> bytes:
        return (await world.sources.glance(["default"]))["default"]

    words = [await seen()]
    await world.upload()
    words.append(await seen())
    assert await seen() == words[-1]
    await world.look()
    await world.upload(b"name\nLise\n", replace=True)
    words.append(await seen())
    (world.folder / "logs" / "b.jsonl").write_bytes(b"x")
    words.append(await seen())

    assert len(set(words)) == len(words)


async def test_the_same_bytes_in_place_of_themselves_are_read_by_nobody(world: World) -> None:
    await world.upload()
    await world.look()
    await world.upload(replace=True)

    assert await world.look() == []
    assert world.kept() == [CSV]


async def test_a_command_that_comes_again_changes_nothing(world: World) -> None:
    first = await world.upload(job_id="one")
    again = await world.upload(job_id="one")

    assert first == again
    assert await world.look() == ["read a.csv: name: Ada, note: first; name: Grace, note: second"]
    await world.upload(b"name\nLise\n", job_id="two", replace=True)
    await world.upload(job_id="one", replace=True)
    assert await world.look() == ["read a.csv: Lise"]


async def test_what_was_removed_can_be_uploaded_again_as_it_was(world: World) -> None:
    await world.upload()
    await world.look()
    assert await world.remove("a.csv") == "Batch"
    assert (await world.rows())["a.csv"].upload is None
    assert await world.look() == []

    told = await world.upload()

    assert isinstance(told, SourceUploaded)
    assert told.filename == "a.csv"
    assert await world.look() == ["read a.csv: name: Ada, note: first; name: Grace, note: second"]


async def test_a_command_to_remove_that_comes_again_spares_what_came_since(world: World) -> None:
    await world.upload()
    await world.look()
    await world.remove("a.csv", key="same")
    await world.upload()
    await world.look()
    await world.remove("a.csv", key="same")

    assert (await world.rows())["a.csv"].mapped == 2
    assert world.kept() == [CSV]


async def test_a_file_that_nobody_could_read_yet_can_be_removed(world: World) -> None:
    await world.upload()

    assert await world.remove("a.csv") == "Batch"

    assert (await world.rows())["a.csv"].status == "forgotten"
    assert world.kept() == []
    assert await world.look() == []


async def test_beyond_the_quota_nothing_is_taken_and_nothing_kept(world: World) -> None:
    half = b"x,y\n" + b"1,2\n" * (QUOTA // 8)
    await world.upload(half)

    told = await world.upload(half.replace(b"1", b"7"), "b.csv")

    assert isinstance(told, Rejected)
    assert "blobs.quota_mb" in told.reason
    assert world.kept() == [half]
    await world.look()
    assert isinstance(await world.upload(half + b"3,4\n", replace=True), SourceUploaded)


async def test_without_its_bytes_a_file_is_no_source(world: World) -> None:
    wish = Upload(filename="a.csv", blob="a" * 64, job_id="1")
    by = Wish("1", "me", "1")
    assert await world.uploads.admit("default", wish, by) == Rejected(MISSING)
    sha256 = put(world.blobs, CSV, "job-of-others", collection="other")
    theirs = replace_fields(wish, blob=sha256, job_id="job-of-others")
    assert await world.uploads.admit("default", theirs, by) == Rejected(MISSING)


def replace_fields(wish: Upload, **fields: Any) -> Upload:
    return wish.model_copy(update=fields)


async def test_bytes_that_got_lost_are_a_reason(world: World) -> None:
    told = await world.upload()
    assert isinstance(told, SourceUploaded)
    world.blobs.path(told.blob).unlink()

    (told_failure,) = await world.look()

    assert told_failure.startswith("failed a.csv: ")
    assert "upload it again" in told_failure


async def test_after_a_restart_the_same_files_are_there(world: World) -> None:
    await world.upload()
    await world.look()
    later = World(world.folder, world.store)
    await later.uploads.load()

    assert await later.look() == []
    (stat,) = [one async for one in later.sources.list_sources(collection="default")]
    assert isinstance(stat, SourceStat)
    assert later.records(stat) == ["name: Ada, note: first", "name: Grace, note: second"]


async def test_what_was_replaced_since_it_was_listed_is_not_read_as_it(world: World) -> None:
    await world.upload()
    await world.look()
    (before,) = [one async for one in world.sources.list_sources(collection="default")]
    assert isinstance(before, SourceStat)
    await world.upload(CSV + b"Lise,third\n", replace=True)

    with pytest.raises(Exception, match="not there any more"):
        world.sources.open(before).read(10)


async def test_a_deleted_collection_leaves_no_bytes_but_those_of_others(world: World) -> None:
    await world.upload()
    await world.upload(b"name\nLise\n", "b.csv")
    put(world.blobs, CSV, "job-of-others", collection="other")

    await world.uploads.remove_all("default")

    assert world.kept() == [CSV]
    assert await world.look() == []


async def test_what_never_became_a_source_is_cleaned_up_when_it_is_old(world: World) -> None:
    await world.upload()
    put(world.blobs, b"nobody told discovery", "lost")

    assert await world.uploads.clean(timedelta(hours=1)) == 0
    assert await world.uploads.clean(timedelta(0)) == 1

    assert world.kept() == [CSV]


async def test_the_sources_come_in_pages(world: World) -> None:
    for name in ("c.csv", "a.csv", "b.csv"):
        await world.upload(name=name)
    first = await world.store.page_of_sources(ListSources(collection="default", limit=2))
    rest = await world.store.page_of_sources(
        ListSources(collection="default", after=first.next_after or "")
    )

    assert [one.filename for one in (*first.items, *rest.items)] == ["a.csv", "b.csv", "c.csv"]
    assert rest.next_after is None
    assert first.uploaded_bytes == 3 * len(CSV)
    assert first.totals is None


async def test_all_sources_are_counted_on_a_page_of_one(world: World) -> None:
    nothing = await world.store.page_of_sources(
        ListSources(collection="default", with_totals=True)
    )
    for name in ("c.csv", "a.csv"):
        await world.upload(name=name)
    await world.look()
    asked = ListSources(collection="default", text="c", limit=1, with_totals=True)
    page = await world.store.page_of_sources(asked)
    rows = (await world.rows()).values()

    assert nothing.totals == SourceTotals(sources=0, changed_at=None)
    assert page.totals is not None
    assert (len(page.items), page.totals.sources) == (1, 2)
    assert page.totals.changed_at == max(one.completed_at for one in rows if one.completed_at)


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ({"text": "A."}, ["a.csv"]),
        ({"text": "a%"}, []),
        ({"states": ("completed",)}, []),
        ({"states": ("incomplete", "reading", "dispatched")}, ["a.csv", "b.csv"]),
        ({"kind": "upload", "text": "b"}, ["b.csv"]),
        ({"kind": "folder"}, []),
    ],
)
async def test_of_the_sources_those_are_listed_that_fit(
    world: World, wanted: dict[str, Any], names: list[str]
) -> None:
    for name in ("a.csv", "b.csv"):
        await world.upload(name=name)

    page = await world.store.page_of_sources(ListSources(collection="default", **wanted))

    assert [one.filename for one in page.items] == names


@pytest.mark.parametrize("text", ["отчёт", "ОТЧЁТ", "отче\u0308т", "straße", "STRASSE"])
async def test_a_name_is_found_whatever_its_case(world: World, text: str) -> None:
    names = ["STRASSE.csv", "Отчёт Straße.csv", "отчёт strasse.csv"]
    for name in (*names, "b.csv"):
        await world.upload(name=name)

    page = await world.store.page_of_sources(ListSources(collection="default", text=text))

    assert [one.filename for one in page.items] == names[0 if "tra" in text.lower() else 1 :]


def test_two_contents_of_a_name_are_two_files_to_a_look() -> None:
    one = UploadedFile(
        collection="default", filename="a.csv", blob="a" * 64, job_id="1", size=1,
        media_type="", uploaded_at=CLOCK.now(), uploaded_by="",
    )  # fmt: skip

    assert one.stat().inode != replace(one, job_id="2").stat().inode
    assert one.stat().inode != replace(one, filename="b.csv").stat().inode
