"""Files whose bytes are in an object store: it may be away, and they may be gone there."""

from pathlib import Path

import pytest

from services.discovery.adapters.reader_columns import ReaderColumns
from services.discovery.adapters.sqlite_state_store import SqliteStateStore
from services.discovery.domain.uploads import UploadedFile
from shared.blobs.errors import BlobsUnusableError
from shared.blobs.object_blobs import ObjectBlobs
from shared.contracts.uploads import SourceUploaded
from tests.fakes.objects import FakeObjects
from tests.unit.discovery.file_world import CLOCK, CSV, World

READ = "read a.csv: name: Ada, note: first; name: Grace, note: second"


async def test_a_store_that_is_away_is_waited_for_and_no_source_fails_by_it(
    tmp_path: Path,
) -> None:
    objects = FakeObjects()
    async with SqliteStateStore.open(tmp_path / "state") as store:
        world = World(tmp_path, store, ObjectBlobs(objects, tmp_path / "local", 0))
        await world.upload()
        objects.is_away = True
        with pytest.raises(BlobsUnusableError):
            await world.look()
        objects.is_away = False

        assert await world.look() == [READ]
        assert await world.remove("a.csv") == "Batch"
        assert objects.objects == {}


async def test_what_goes_while_the_store_is_away_is_cleaned_up_later(tmp_path: Path) -> None:
    objects = FakeObjects()
    async with SqliteStateStore.open(tmp_path / "state") as store:
        world = World(tmp_path, store, ObjectBlobs(objects, tmp_path / "local", 1 << 20))
        kept = await world.upload(name="kept.csv")
        await world.upload(b"name\nLise\n")
        await world.look()
        objects.is_away = True
        await world.remove("a.csv")
        objects.is_away = False

        await world.uploads.clean(2 * (CLOCK.now() - objects.at))  # nothing is that old
        assert len(objects.objects) == 4
        await world.uploads.clean((CLOCK.now() - objects.at) / 2)

        assert isinstance(kept, SourceUploaded)
        there = f"{kept.blob}/{kept.job_id}"
        assert sorted(objects.objects) == [there, f"{there}.meta.json"]


async def test_bytes_that_are_gone_there_are_a_reason(tmp_path: Path) -> None:
    objects = FakeObjects()
    async with SqliteStateStore.open(tmp_path / "state") as store:
        world = World(tmp_path, store, ObjectBlobs(objects, tmp_path / "local", 0))
        await world.upload()
        objects.objects.clear()

        (told,) = await world.look()

    assert told.startswith("failed a.csv: ")
    assert told.endswith("its bytes are not where uploaded files are kept; upload it again")


async def test_the_columns_of_a_file_there_are_found(tmp_path: Path) -> None:
    blobs = ObjectBlobs(FakeObjects(), tmp_path / "local", 0)
    async with SqliteStateStore.open(tmp_path / "state") as store:
        world = World(tmp_path, store, blobs)
        await world.upload(CSV)
        (file,) = await store.uploads()

    assert isinstance(file, UploadedFile)
    assert list(await ReaderColumns(blobs).columns(file)) == ["name", "note"]
