"""What the Lance table does besides its contract: restarts, compaction, crashes."""

import contextlib
import errno
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from lance import LanceOperation

from services.writing.adapters import lance_layout
from services.writing.adapters.json_model_archive import JsonModelArchive
from services.writing.adapters.jsonl_emptied import EmptiedSources
from services.writing.adapters.lance_dataset_store import LanceDatasetStore
from services.writing.adapters.lance_layout import lance_errors
from services.writing.adapters.lance_table import LanceTable
from services.writing.ports import DatasetStore, DiskFullError
from shared.errors import TransientError
from tests.fakes.dataset_store import FakeModelArchive
from tests.unit.writing.scenes import ids, model, piece, read, tells, write

ROOT = Path(__file__).parents[4]


def lance_store(folder: Path, compact_every: int = 4) -> LanceDatasetStore:
    return LanceDatasetStore(folder, compact_every=compact_every, keep_versions_s=0)


async def test_all_is_known_again_after_a_restart(tmp_path: Path) -> None:
    store = lance_store(tmp_path)
    await store.commit([piece("a", 1, 0), piece("a", 1, 1), piece("b")], {}, {})
    await store.commit([piece("a", 2, 1)], {"a": 2}, {})
    state = await store.commit([piece("b", 5, rows=0)], {"b": 5}, {"b": 5})

    again = await lance_store(tmp_path).state()

    assert again == state
    assert tells(again) == {"a": 2, "b": 5}


async def test_an_empty_newest_version_holds_against_old_batches_after_a_restart(
    tmp_path: Path,
) -> None:
    models = FakeModelArchive(model(1))
    await write(piece("a", 1), store=lance_store(tmp_path), models=models)
    await write(piece("a", 2, rows=0), store=lance_store(tmp_path), models=models)

    store = lance_store(tmp_path)
    _, retracted = await write(piece("a", 1), store=store, models=models)

    assert await read(store, "id") == []
    assert retracted == ["a@1#0"]


async def test_a_crash_before_the_removal_is_made_good(tmp_path: Path) -> None:
    await lance_store(tmp_path).commit([piece("a", 1)], {}, {})
    with (tmp_path / "emptied.jsonl").open("w") as file:
        file.write('{"source_id": "a", "source_version": 2}\n{"source_id": "b", "sour')
    store = lance_store(tmp_path)

    await write(piece("a", 2, rows=0), store=store, models=FakeModelArchive(model(1)))

    assert await read(store, "id") == []
    assert (tmp_path / "emptied.jsonl").read_text().count("\n") == 1


async def test_compaction_loses_nothing_and_is_followed(tmp_path: Path) -> None:
    store = lance_store(tmp_path)
    for number in range(20):
        await store.commit([piece(f"s{number}")], {}, {})
    before, told = await read(store, "id", "x", "y"), await store.state()

    assert await store.maintain()

    state = await store.state()
    assert await read(store, "id", "x", "y") == before
    assert (state.content_version, state.sources) == (told.content_version, told.sources)
    assert state.dataset_version > told.dataset_version
    found = [one.batch_id async for one in store.rows_of({"s3": 2, "s17": 2})]
    assert found == ["s3@1#0", "s17@1#0"]
    assert (await store.commit([piece("s3", 2)], {"s3": 2}, {})).rows == 40
    assert await lance_store(tmp_path).state() == await store.state()


async def test_what_leaves_a_fragment_after_it_was_moved_stays_away(tmp_path: Path) -> None:
    """The fragment that was read is another one by then, with rows that are marked as deleted."""
    store = lance_store(tmp_path, compact_every=100)
    await store.commit([piece("a", 1), piece("b", 1)], {}, {})
    work = await store.reproject(model(2).plane(), 2)
    while await work.step():
        pass
    await store.commit([piece("a", 2, 1)], {"a": 2}, {})

    await work.finish()

    kept = sorted([*ids(piece("a", 2, 1)), *ids(piece("b", 1))])
    assert sorted(await read(store, "id")) == kept
    assert set(await read(store, "model_version")) == {(2,)}


async def test_what_was_removed_meanwhile_leaves_nothing_to_do_for_the_end(
    tmp_path: Path,
) -> None:
    """Nobody may write at the end: it must not take the longer, the larger the map is."""
    store = lance_store(tmp_path, compact_every=100)
    await store.commit([piece("a"), piece("b"), piece("c")], {}, {})
    work = await store.reproject(model(2).plane(), 2)
    while await work.step():
        pass
    await store.commit([], {"b": 2}, {"b": 2})
    before = set((tmp_path / "store.lance" / "data").iterdir())

    moved = await work.finish()

    assert set((tmp_path / "store.lance" / "data").iterdir()) == before
    assert moved.points == len(await read(store, "id")) == 4
    assert await read(store, "x") == sorted(
        (x,) for name in "ac" for x in piece(name, model_version=2).rows.column("x").to_pylist()
    )
    assert await read(lance_store(tmp_path), "id") == await read(store, "id")


async def test_much_that_was_appended_meanwhile_is_moved_before_the_end(tmp_path: Path) -> None:
    store = lance_store(tmp_path, compact_every=100)
    first, later = 8, 6
    for number in range(first):
        await store.commit([piece(f"first-{number}")], {}, {})
    work = await store.reproject(model(2).plane(), 2)
    for number in range(first):
        assert await work.step()
        if number < later:
            await store.commit([piece(f"later-{number}")], {}, {})
    steps = 1
    while await work.step():
        steps += 1
    before = set((tmp_path / "store.lance" / "data").iterdir())

    moved = await work.finish()

    assert steps == later
    assert set((tmp_path / "store.lance" / "data").iterdir()) == before
    assert moved.points == 2 * (first + later)
    assert set(await read(store, "model_version")) == {(2,)}


async def test_a_move_ends_although_as_much_comes_as_it_moves(tmp_path: Path) -> None:
    store = lance_store(tmp_path, compact_every=1000)
    for number in range(8):
        await store.commit([piece(f"s{number}")], {}, {})
    work = await store.reproject(model(2).plane(), 2)
    number = 8
    while await work.step():
        await store.commit([piece(f"s{number}")], {}, {})
        number += 1
        assert number < 100
    moved = await work.finish()

    assert moved.points == 2 * number


async def test_compaction_waits_for_a_change_of_plane(tmp_path: Path) -> None:
    store = lance_store(tmp_path)
    for number in range(10):
        await store.commit([piece(f"s{number}")], {}, {})
    work = await store.reproject(model(2).plane(), 2)

    assert not await store.maintain()
    await work.finish()
    assert await store.maintain()


async def test_a_change_of_plane_that_is_given_up_does_not_hold_compaction(
    tmp_path: Path,
) -> None:
    store = lance_store(tmp_path, compact_every=1)
    await store.commit([piece("a")], {}, {})
    await store.reproject(model(2).plane(), 2)

    assert await store.maintain()


async def test_replaced_versions_go_from_the_disk_but_not_under_a_reader(tmp_path: Path) -> None:
    store = lance_store(tmp_path)
    for number in range(12):
        await store.commit([piece("s", number + 1)], {"s": number + 1}, {})
    full = len(files(tmp_path))

    async with store.snapshot() as snapshot:
        await store.commit([piece("s", 13)], {"s": 13}, {})
        assert not await store.forget_versions()
        assert sum(len(part) for part in snapshot.scan(["id", "vector"])) == 2
    assert await store.forget_versions()

    left = files(tmp_path)
    assert full >= 24
    assert len([one for one in left if one.endswith(".lance")]) == 1
    assert len([one for one in left if one.endswith(".manifest")]) == 1
    assert await read(store, "source_version") == [(13,)] * 2


def files(folder: Path) -> list[str]:
    return [str(one) for one in (folder / "store.lance").rglob("*") if one.is_file()]


async def test_old_versions_and_leftovers_are_deleted_at_the_start(tmp_path: Path) -> None:
    store = lance_store(tmp_path)
    for number in range(5):
        await store.commit([piece("s", number + 1)], {"s": number + 1}, {})
    leftover = tmp_path / "store.lance" / "data" / "0.lance"
    leftover.write_bytes(b"torn")

    await lance_store(tmp_path).state()

    assert len(list((tmp_path / "store.lance" / "_versions").glob("*.manifest"))) == 1
    assert not leftover.exists()


class CutOff(LanceTable):
    """A table whose writer hears of an error when its commit has landed."""

    def _commit_operation(self, operation: LanceOperation.BaseOperation) -> None:
        super()._commit_operation(operation)
        raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_what_a_failed_commit_has_left_is_looked_at_and_not_assumed(tmp_path: Path) -> None:
    emptied = EmptiedSources(tmp_path / "emptied.jsonl")
    LanceTable(tmp_path / "store.lance", emptied).commit([piece("a")], {}, {})
    table = CutOff(tmp_path / "store.lance", emptied)

    with pytest.raises(TransientError):
        table.commit([piece("b", rows=3)], {}, {})

    assert (table.load().rows, tells(table.load())) == (5, {"a": 1, "b": 1})


async def test_a_damaged_table_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    await lance_store(tmp_path).commit([piece("a")], {}, {})
    for manifest in (tmp_path / "store.lance" / "_versions").glob("*.manifest"):
        manifest.write_bytes(b"damaged")

    with pytest.raises(TransientError):
        await lance_store(tmp_path).state()


def test_a_full_disk_is_recognised() -> None:
    with pytest.raises(DiskFullError), lance_errors():
        raise OSError("LanceError(IO): No space left on device (os error 28), writer.rs:1")


async def test_rows_stay_whole_and_unique_however_often_the_writer_is_killed(
    tmp_path: Path,
) -> None:
    """Kill a writer in the middle of commits, changes of plane and compactions."""
    chance = random.Random(7)  # noqa: S311  no secret
    store = lance_store(tmp_path)
    for _ in range(5):
        with subprocess.Popen(
            [sys.executable, "-c", "from tests.unit.writing.churn import main; main()", tmp_path],
            cwd=ROOT,
            stdout=subprocess.PIPE,
        ) as child:
            assert child.stdout is not None
            assert child.stdout.readline()
            time.sleep(chance.uniform(0.0, 0.5))
            os.kill(child.pid, signal.SIGKILL)
        store = lance_store(tmp_path)
        state = await store.state()
        rows = await read(store, "id", "batch_id", "source_id", "source_version", "x")
        versions = {(source, version) for _, _, source, version, _ in rows}

        assert len({row[0] for row in rows}) == len(rows) == state.rows
        assert set(Counter(row[1] for row in rows).values()) <= {3}
        assert set(Counter(row[2] for row in rows).values()) <= {12}
        assert len(versions) == len({source for source, _ in versions})
        if rows:
            version = state.model_version
            assert version is not None
            assert await JsonModelArchive(tmp_path / "models").get(version) == model(version)
            assert len(await _of_other_models(store, version)) == 0


async def _of_other_models(store: DatasetStore, version: int) -> list[tuple]:
    """Return the rows whose coordinates are not those of the model version."""
    plane = model(version).plane()
    wrong = []
    async with store.snapshot() as snapshot:
        for rows in snapshot.scan(["vector", "x", "y", "model_version"]):
            vectors = np.array(rows.column("vector").to_pylist(), np.float32)
            places = np.stack([rows.column(name).to_numpy() for name in "xy"], axis=1)
            same = (plane.project(vectors) == places).all(axis=1)
            held = rows.column("model_version").to_numpy() == version
            wrong += [(index,) for index in np.flatnonzero(~(same & held))]
    return wrong


@pytest.mark.parametrize("kind", ["json", "fake"])
async def test_the_oldest_models_go_but_never_the_one_that_is_held(
    kind: str, tmp_path: Path
) -> None:
    models = JsonModelArchive(tmp_path, keep=3) if kind == "json" else FakeModelArchive(keep=3)
    for version in range(1, 9):
        await models.save(model(version))

    assert await models.forget_before(4) == 3
    assert await models.forget_before(8) == 2
    assert await models.forget_before(8) == 0

    kept = []
    for version in range(1, 9):
        with contextlib.suppress(TransientError):
            kept.append((await models.get(version)).version)
    newest = await models.newest()
    assert kept == [6, 7, 8]
    assert newest == model(8)


@pytest.mark.parametrize("is_reopened", [False, True])
def test_what_lance_caches_is_bounded_however_many_commits_there_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_reopened: bool
) -> None:
    bound = 128 << 10
    monkeypatch.setattr(lance_layout, "CACHE_BYTES", bound)
    table = LanceTable(tmp_path / "store.lance", EmptiedSources(tmp_path / "emptied.jsonl"))
    table.commit([piece("first")], {}, {})
    if is_reopened:
        table = LanceTable(tmp_path / "store.lance", EmptiedSources(tmp_path / "emptied.jsonl"))
        table.load()

    for number in range(40):
        table.commit([piece(str(number))], {}, {})

    assert table.dataset.session().size_bytes() <= 2 * bound
