"""A dataset of 0.1.0, made by that version: rows replaced, moved to a new model, appended to."""

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from services.writing.adapters.json_identity import FORMAT, claim_folder
from services.writing.adapters.lance_dataset_store import LanceDatasetStore
from shared.contracts.batches import ADDED_COLUMNS, Batch
from shared.errors import ConfigurationError
from tests.builders import NOW
from tests.unit.writing.scenes import model, piece

OLD = Path(__file__).parents[3] / "data" / "dataset-0.1.0" / "store.lance"
STORED = [
    piece("a", 2, rows=4, model_version=2),
    piece("b", rows=2, model_version=2),
    piece("c", rows=2, model_version=2),
]
"""What it holds."""
VERSION = 4


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(OLD, tmp_path / "store.lance")
    identity = {"service": "writing", "collection": "default", "format": 1}
    (tmp_path / "format.json").write_text(json.dumps(identity))
    return tmp_path


def opened(folder: Path) -> LanceDatasetStore:
    return LanceDatasetStore(folder, compact_every=1, keep_versions_s=0)


async def rows_of(store: LanceDatasetStore, *columns: str) -> list[dict]:
    async with store.snapshot() as snapshot:
        batches = list(snapshot.scan(["id", "batch_id", *columns]))
    found = [row for batch in batches for row in batch.to_pylist()]
    return sorted(found, key=lambda row: (row["batch_id"], row["id"]))


def as_stored(batches: list[Batch]) -> dict[tuple[str, str], np.ndarray]:
    return {
        (batch.descriptor.batch_id, name): vector
        for batch in batches
        for name, vector in zip(batch.rows["id"].to_pylist(), batch.vectors, strict=True)
    }


async def check(store: LanceDatasetStore, batches: list[Batch]) -> None:
    wanted = as_stored(batches)
    rows = await rows_of(store, "vector", "attributes", "arrived_at")
    found = {(row["batch_id"], row["id"]): np.float32(row["vector"]) for row in rows}
    assert found.keys() == wanted.keys()
    assert all(np.array_equal(vector, wanted[key]) for key, vector in found.items())


def said(batch: Batch) -> Batch:
    """The same batch, with something in the new columns."""
    rows = batch.rows.to_pylist()
    for row in rows:
        row["attributes"] = '{"cost": 1}'
    return Batch(batch.descriptor, pa.RecordBatch.from_pylist(rows, schema=batch.rows.schema))


async def test_its_folder_is_claimed_whenever_the_upgrade_was_cut_off(folder: Path) -> None:
    for _ in ("before the table has followed", "twice"):
        claim_folder(folder, "default")
        assert json.loads((folder / "format.json").read_text())["format"] == FORMAT
    await opened(folder).state()

    claim_folder(folder, "default")
    with pytest.raises(ConfigurationError):
        claim_folder(folder, "other")


async def test_it_gets_the_columns_that_it_lacks_once(folder: Path) -> None:
    store = opened(folder)
    state = await store.state()

    assert (state.rows, state.dimension, state.model_version) == (8, 8, 2)
    assert state.dataset_version == VERSION + 1, "so the public files are written anew"
    await check(store, STORED)
    for row in await rows_of(store, *ADDED_COLUMNS):
        assert (row["attributes"], row["arrived_at"]) == (None, None)
    assert (await opened(folder).state()).dataset_version == state.dataset_version


async def test_it_is_worked_with_as_with_any_other(folder: Path) -> None:
    store = opened(folder)
    new = said(piece("d", rows=3, model_version=2))
    await store.commit([new], {}, {})
    await store.commit([said(piece("b", 2, rows=1, model_version=2))], {"b": 2}, {})
    work = await store.reproject(model(3).plane(), 3)
    while await work.step():
        pass
    await work.finish()
    assert await store.maintain()
    await store.commit([piece("e", model_version=3)], {}, {})

    replaced = piece("b", 2, rows=1)
    await check(store, [STORED[0], STORED[2], new, replaced, piece("e")])
    rows = await rows_of(store, "attributes", "arrived_at", "model_version")
    assert {row["model_version"] for row in rows} == {3}
    told = {row["batch_id"]: (row["attributes"], row["arrived_at"]) for row in rows}
    assert told == {
        "a@2#0": (None, None),
        "b@2#0": ('{"cost": 1}', NOW),
        "c@1#0": (None, None),
        "d@1#0": ('{"cost": 1}', NOW),
        "e@1#0": (None, NOW),
    }


async def test_a_batch_of_before_is_stored_with_nothing_in_the_columns_it_lacks(
    tmp_path: Path,
) -> None:
    store = opened(tmp_path)
    batch = piece("a")
    old = Batch(batch.descriptor, batch.rows.drop_columns(sorted(ADDED_COLUMNS)))
    await store.commit([old, piece("b")], {}, {})

    told = {row["batch_id"]: row["arrived_at"] for row in await rows_of(store, "arrived_at")}
    assert told == {"a@1#0": None, "b@1#0": NOW}
