"""A version that is discarded leaves nothing: looked at from outside, in the dataset's folder."""

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import lance
import pytest

from services.writing.adapters.lance_dataset_store import LanceDatasetStore
from services.writing.adapters.parquet_output_writer import ParquetOutputWriter
from services.writing.adapters.sqlite_staging import SqliteStaging
from services.writing.handlers.publish import publish
from services.writing.handlers.write import Written
from shared.clock import SystemClock
from shared.contracts.batches import Batch
from shared.failpoints import VARIABLE, Failpoint
from tests.fakes.dataset_store import FakeModelArchive
from tests.unit.writing.scenes import model, write
from tests.unit.writing.test_staged import discards, forgets, part, shows

ROOT = Path(__file__).parents[3]
KEEP_S = 1_000_000.0
"""Every version of the dataset stays to be looked at."""
OLD = [part(version=1, index=0), part(version=1, index=1)]
COMING = [part(version=2, index=0), part(version=2, index=1)]
Files = dict[str, tuple[int, int]]
"""Name to the number of the file, and when it was written."""
WRITE = """
import asyncio, sys
from pathlib import Path
from tests.unit.writing.test_discarded import Place, discards, forgets, opened, part

async def main():
    async with opened(Path(sys.argv[1])) as place:
        await place.write(eval(sys.argv[2]))

asyncio.run(main())
"""


@dataclass
class Place:
    """A folder, and what writes there."""

    folder: Path
    store: LanceDatasetStore
    staging: SqliteStaging
    models: FakeModelArchive
    output: ParquetOutputWriter

    async def write(self, *batches: Batch) -> Written:
        written, _ = await write(
            *batches, store=self.store, models=self.models, staging=self.staging
        )
        return written

    async def publish(self) -> bool:
        """Write the public files if they are stale; tell whether they were."""
        told = await publish(
            "default",
            store=self.store, models=self.models, output=self.output, clock=SystemClock(),
        )  # fmt: skip
        if told is not None:
            files = await self.output.published()
            assert files is not None
            await self.output.note_told(files)
        return told is not None

    def table(self, *, only: str = "") -> Files:
        return _files(self.folder / "store.lance" / only)

    def public(self) -> Files:
        return {name: one for name, one in _files(self.folder).items() if "parquet" in name}

    def fingerprints(self) -> list[set[str]]:
        """Tell of every version of the dataset which contents it has."""
        path = str(self.folder / "store.lance")
        numbers = [one["version"] for one in lance.dataset(path).versions()]
        tables = [
            lance.dataset(path, version=one).to_table(["fingerprint"]) for one in sorted(numbers)
        ]
        return [set(table.column(0).to_pylist()) for table in tables]


def _files(folder: Path) -> Files:
    found = [path for path in folder.rglob("*") if path.is_file()]
    facts = [(path, path.stat()) for path in found]
    return {str(path.relative_to(folder)): (stat.st_ino, stat.st_mtime_ns) for path, stat in facts}


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Place]:
    staging = SqliteStaging(folder)
    store = LanceDatasetStore(folder, compact_every=1_000, keep_versions_s=KEEP_S)
    output = ParquetOutputWriter(folder, has_embeddings=True)
    try:
        yield Place(folder, store, staging, FakeModelArchive(model(1)), output)
    finally:
        await staging.close()


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    """Have a source on the map and in the files, and a part of its next version staged."""
    async with opened(tmp_path) as one:
        await one.write(*OLD)
        assert await one.publish()
        await one.write(*COMING)
        yield one


async def test_what_waits_writes_no_fragment_and_no_file(tmp_path: Path) -> None:
    async with opened(tmp_path) as place:
        await place.write(*OLD)
        await place.publish()
        table, public = place.table(), place.public()

        await place.write(*COMING)

        assert not await place.publish()
        assert (place.table(), place.public()) == (table, public)


async def test_one_that_a_newer_content_discards_leaves_nothing(place: Place) -> None:
    table, public = place.table(), place.public()

    await place.write(part(version=3))

    assert not await place.publish()
    assert (place.table(), place.public()) == (table, public)
    await place.write(shows(version=3))
    assert await place.publish()
    assert place.fingerprints() == [{"a@1"}, {"a@3"}]


async def test_one_whose_source_has_failed_leaves_nothing(place: Place) -> None:
    table, public = place.table(), place.public()

    await place.write(discards("a", 3))
    await place.write(part(version=2, index=2))

    assert not await place.publish()
    assert (place.table(), place.public()) == (table, public)
    assert {one.batches for one in (await place.staging.held()).values()} == {frozenset()}


async def test_one_that_is_forgotten_with_its_source_leaves_no_fragment(place: Place) -> None:
    data, versions = place.table(only="data"), place.table(only="_versions")

    await place.write(forgets("a", 3))

    assert place.table(only="data") == data
    assert len(place.table(only="_versions")) == len(versions) + 1
    assert await place.publish()
    assert place.fingerprints() == [{"a@1"}, set()]


@pytest.mark.parametrize(
    ("point", "discarding", "after"),
    [
        (Failpoint.RETRACTED, "part(version=3)", {"a@1"}),
        (Failpoint.COMMITTED, "part(version=3)", {"a@1"}),
        (Failpoint.STAGED, "part(version=3)", {"a@1"}),
        (Failpoint.RETRACTED, "discards('a', 3)", {"a@1"}),
        (Failpoint.COMMITTED, "discards('a', 3)", {"a@1"}),
        (Failpoint.STAGED, "discards('a', 3)", {"a@1"}),
        (Failpoint.RETRACTED, "forgets('a', 3)", set()),
        (Failpoint.COMMITTED, "forgets('a', 3)", set()),
    ],
)
async def test_one_whose_discarding_was_cut_leaves_nothing_either(
    place: Place, point: Failpoint, discarding: str, after: set[str]
) -> None:
    data, public = place.table(only="data"), place.public()
    await place.staging.close()
    (place.folder / "cuts").mkdir()
    (place.folder / "cuts" / point).touch()

    assert _run(place.folder, discarding) == -signal.SIGKILL
    assert place.table(only="data") == data
    assert place.public() == public
    assert _run(place.folder, discarding) == 0

    assert place.table(only="data") == data
    async with opened(place.folder) as again:
        assert await again.publish() == (after == set())
        held = await again.staging.held()
        assert {one.version for one in held.values()} == ({3} if after else set())
    assert place.fingerprints()[-1] == after
    assert all(one in ({"a@1"}, set()) for one in place.fingerprints())


def _run(folder: Path, batch: str) -> int:
    environment = os.environ | {VARIABLE: str(folder / "cuts"), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", WRITE, str(folder), batch]
    return subprocess.run(command, env=environment, check=False).returncode
