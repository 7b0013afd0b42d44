"""What every DatasetStore and every ModelArchive does."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from services.writing.adapters.json_model_archive import JsonModelArchive
from services.writing.adapters.lance_dataset_store import LanceDatasetStore
from services.writing.ports import DatasetStore, ModelArchive, StaleModelError
from shared.contracts.batches import Batch
from shared.errors import InvalidMessage, TransientError
from tests.fakes.dataset_store import FakeDatasetStore, FakeModelArchive
from tests.unit.writing.scenes import ids, model, piece, read, tells, with_vectors


@pytest.fixture(params=["fake", "lance"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> DatasetStore:
    if request.param == "fake":
        return FakeDatasetStore()
    return LanceDatasetStore(tmp_path / "c", compact_every=4, keep_versions_s=0)


@pytest.fixture(params=["fake", "json"])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> ModelArchive:
    return FakeModelArchive() if request.param == "fake" else JsonModelArchive(tmp_path / "m")


async def test_a_new_store_is_empty(store: DatasetStore) -> None:
    state = await store.state()

    assert (state.rows, state.dataset_version, state.model_version) == (0, 0, None)
    assert await read(store, "id") == []


async def test_what_is_committed_is_there(store: DatasetStore) -> None:
    state = await store.commit([piece("a", rows=3), piece("b")], {}, {})

    assert (state.rows, state.model_version, state.dimension) == (5, 1, 8)
    assert await read(store, "id") == ids(piece("a", rows=3), piece("b"))
    assert tells(state) == {"a": 1, "b": 1}
    assert state.sources["a"].batches == {"a@1#0": 1}


async def test_vectors_and_coordinates_are_kept_exactly(store: DatasetStore) -> None:
    await store.commit([piece("a")], {}, {})

    rows = await read(store, "id", "vector", "x", "y")

    columns = [piece("a").rows.column(name).to_pylist() for name in ("id", "vector", "x", "y")]
    assert rows == sorted(zip(*columns, strict=True))


async def test_replaced_rows_go_when_the_new_ones_come(store: DatasetStore) -> None:
    await store.commit([piece("a", 1, 0), piece("a", 1, 1), piece("b")], {}, {})

    state = await store.commit([piece("a", 2, 0)], {"a": 2}, {})

    assert await read(store, "id", "x") == sorted(
        (*one, x)
        for batch in (piece("a", 2, 0), piece("b"))
        for one, x in zip(
            [(value,) for value in batch.rows.column("id").to_pylist()],
            batch.rows.column("x").to_pylist(),
            strict=True,
        )
    )
    assert state.sources["a"].batches == {"a@2#0": 2}


async def test_all_rows_may_go(store: DatasetStore) -> None:
    await store.commit([piece("a")], {}, {})

    state = await store.commit([piece("a", 2, rows=0)], {"a": 2}, {"a": 2})

    assert (state.rows, state.model_version) == (0, None)
    assert tells(state) == {"a": 2}
    assert (await store.commit([piece("a", 3)], {}, {})).rows == 2


async def test_the_rows_to_be_removed_can_be_read_before(store: DatasetStore) -> None:
    batches = [piece("a", 1, index, rows=5) for index in range(3)]
    await store.commit([*batches, piece("b")], {}, {})

    found = {one.batch_id: one.vectors async for one in store.rows_of({"a": 2, "b": 1})}

    assert found.keys() == {batch.descriptor.batch_id for batch in batches}
    for batch in batches:
        assert np.array_equal(found[batch.descriptor.batch_id], batch.vectors)


async def test_the_vectors_of_a_batch_come_together_where_a_store_reads_in_pieces(
    store: DatasetStore,
) -> None:
    batches = [piece("a", 1, index, rows=90, dimension=16_384) for index in range(3)]
    await store.commit(batches, {}, {})

    found = [(one.batch_id, one.vectors) async for one in store.rows_of({"a": 2})]

    assert [name for name, _ in found] == [one.descriptor.batch_id for one in batches]
    for (_, vectors), batch in zip(found, batches, strict=True):
        assert np.array_equal(vectors, batch.vectors)


async def test_batches_are_read_back_as_they_were_stored_while_others_are_written(
    store: DatasetStore,
) -> None:
    """What is moved is read and written in one go."""
    batches = [piece("a", 1, index, rows=90, dimension=4_096) for index in range(3)]
    other = piece("b", dimension=4_096)
    await store.commit([batches[0], other], {}, {})
    await store.commit(batches[1:], {}, {})
    found: list[Batch] = []

    def renamed() -> Iterator[Batch]:
        for batch in store.whole_batches({"a": 2}, "default"):
            found.append(batch)
            facts = batch.descriptor.model_copy(update={"source_id": "c"})
            yield Batch(facts, batch.rows)

    state = await store.commit([], {"a": 2}, {"a": 2}, renamed())

    assert [one.descriptor.batch_id for one in found] == ["a@1#0", "a@1#1", "a@1#2"]
    for one, batch in zip(found, batches, strict=True):
        for name in batch.rows.schema.names:
            assert one.rows.column(name).equals(batch.rows.column(name)), name
        facts = one.descriptor
        assert (facts.filename, facts.fingerprint) == ("a.jsonl", "a@1")
        assert (facts.source_version, facts.model_version, facts.embedder) == (1, 1, "fake")
        assert len(one) == facts.records
    assert state.rows == 272
    assert state.sources["c"].batches.keys() == {"a@1#0", "a@1#1", "a@1#2"}
    assert not state.sources["a"].batches


async def test_what_is_stored_of_a_batch_can_be_read_whatever_has_happened_since(
    store: DatasetStore,
) -> None:
    """To the bit, and in its order: stages compare it by its checksum."""
    kept = [piece("a", index=index, rows=7) for index in range(3)]
    await store.commit([*kept[:2], piece("b")], {}, {})
    await store.commit([kept[2], piece("o'x", rows=3)], {}, {})
    await store.commit([piece("b", 2)], {"b": 2}, {})
    work = await store.reproject(model(2).plane(), 2)
    while await work.step():
        pass
    await work.finish()
    await store.commit([piece("c", model_version=2)], {}, {})
    await store.maintain()

    wanted = {"a@1#0": "a", "a@1#2": "a", "o'x@1#0": "o'x", "b@1#0": "b", "z": "z"}
    found = {one.batch_id: one.vectors async for one in store.rows_in(wanted)}

    assert found.keys() == {"a@1#0", "a@1#2", "o'x@1#0"}
    for batch in (kept[0], kept[2], piece("o'x", rows=3)):
        assert found[batch.descriptor.batch_id].tobytes() == batch.vectors.tobytes()


@pytest.mark.parametrize("value", [np.nan, -np.inf])
async def test_nan_is_never_stored(store: DatasetStore, value: float) -> None:
    with pytest.raises(InvalidMessage):
        await store.commit([with_vectors(piece("a"), value)], {}, {})

    assert (await store.state()).rows == 0


async def test_another_dimension_is_refused(store: DatasetStore) -> None:
    await store.commit([piece("a")], {}, {})

    with pytest.raises(InvalidMessage):
        await store.commit([piece("b", dimension=5)], {}, {})
    with pytest.raises(InvalidMessage):
        await store.reproject(model(2, dimension=5).plane(), 2)


async def test_coordinates_of_another_model_are_refused(store: DatasetStore) -> None:
    await store.commit([piece("a")], {}, {})

    with pytest.raises(StaleModelError):
        await store.commit([piece("b", model_version=2)], {}, {})


async def test_a_new_plane_moves_every_row_and_tells_how_far(store: DatasetStore) -> None:
    await store.commit([piece("a", 1), piece("b", rows=4)], {}, {})
    await store.commit([piece("a", 2)], {"a": 2}, {})
    before = await read(store, "id", "x", "y")

    work = await store.reproject(model(2).plane(), 2)
    while await work.step():
        pass
    moved = await work.finish()

    after = await read(store, "id", "x", "y")
    distances = [np.hypot(new[1] - old[1], new[2] - old[2])
                 for old, new in zip(before, after, strict=True)]  # fmt: skip
    expected = [row for batch in (piece("a", 2, model_version=2),
                                  piece("b", rows=4, model_version=2))
                for row in zip(*(batch.rows.column(name).to_pylist() for name in ("id", "x", "y")),
                               strict=True)]  # fmt: skip
    assert after == sorted(expected)
    assert (await store.state()).model_version == 2
    assert moved.points == 6
    assert moved.max == pytest.approx(max(distances))
    assert moved.root_mean_square == pytest.approx(np.sqrt(np.mean(np.square(distances))))


async def test_commits_during_a_change_of_plane_are_moved_too(store: DatasetStore) -> None:
    await store.commit([piece("a", 1), piece("b")], {}, {})
    await store.commit([piece("c")], {}, {})
    work = await store.reproject(model(2).plane(), 2)
    await work.step()
    await store.commit([piece("a", 2), piece("d")], {"a": 2}, {})
    while await work.step():
        pass

    await work.finish()

    batches = [piece("a", 2, model_version=2), *(piece(s, model_version=2) for s in "bcd")]
    assert await read(store, "x") == sorted(
        (x,) for batch in batches for x in batch.rows.column("x").to_pylist()
    )


async def test_a_snapshot_does_not_change(store: DatasetStore) -> None:
    await store.commit([piece("a")], {}, {})
    async with store.snapshot() as snapshot:
        await store.commit([piece("a", 2, rows=3)], {"a": 2}, {})

        assert sum(len(rows) for rows in snapshot.scan(["id"])) == snapshot.state.rows == 2


async def test_the_newest_model_is_the_highest_version(archive: ModelArchive) -> None:
    assert await archive.newest() is None
    await archive.save(model(10))
    await archive.save(model(9))

    assert await archive.newest() == model(10)
    assert await archive.get(9) == model(9)


async def test_a_missing_model_may_come_later(archive: ModelArchive) -> None:
    with pytest.raises(TransientError):
        await archive.get(4)


async def test_models_outlive_the_process(tmp_path: Path) -> None:
    await JsonModelArchive(tmp_path / "m").save(model(3))

    assert await JsonModelArchive(tmp_path / "m").newest() == model(3)
