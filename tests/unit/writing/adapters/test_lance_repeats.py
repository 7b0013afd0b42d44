"""Rows that are there twice, as something else than this program may have left them."""

from pathlib import Path

import lance
import pyarrow as pa
import pytest

from services.writing.adapters.lance_dataset_store import LanceDatasetStore
from services.writing.ports import Repeats
from tests.unit.writing.scenes import ids, piece, read, tells

A, B = piece("a", rows=3), piece("b", rows=2)


def new_store(folder: Path) -> LanceDatasetStore:
    return LanceDatasetStore(folder, compact_every=4, keep_versions_s=600)


@pytest.fixture
async def folder(tmp_path: Path) -> Path:
    await new_store(tmp_path).commit([A, B], {}, {})
    return tmp_path


def repeat(folder: Path, where: str, text: str | None = None) -> None:
    table = lance.dataset(str(folder / "store.lance"))
    rows = table.to_table(filter=where)
    if text is not None:
        at = rows.schema.get_field_index("text")
        texts = pa.array([text] * len(rows), rows.schema.field(at).type)
        rows = rows.set_column(at, rows.schema.field(at), texts)
    lance.write_dataset(rows, table.uri, mode="append")


async def test_one_of_each_stays(folder: Path) -> None:
    repeat(folder, "filename = 'a.jsonl'")
    repeat(folder, "true")
    store = new_store(folder)

    assert await store.drop_repeats() == Repeats(11, [])
    assert await read(store, "id") == await read(new_store(folder), "id") == ids(A, B)
    assert (await store.state()).rows == 5


async def test_what_says_different_things_stays(folder: Path) -> None:
    repeat(folder, "filename = 'a.jsonl'", text="another")
    repeat(folder, "filename = 'b.jsonl'")
    store = new_store(folder)

    assert await store.drop_repeats() == Repeats(2, ["a.jsonl"])
    assert (await store.state()).rows == 8


async def test_commits_go_on_afterwards(folder: Path) -> None:
    repeat(folder, "filename = 'a.jsonl'")
    store = new_store(folder)
    await store.drop_repeats()

    state = await store.commit([piece("a", 2)], {"a": 2}, {})

    assert await read(store, "id") == ids(piece("a", 2), B)
    assert tells(state) == {"a": 2, "b": 1}


async def test_a_sound_table_is_left_alone(folder: Path) -> None:
    store = new_store(folder)
    before = (await store.state()).dataset_version

    assert await store.drop_repeats() == Repeats(0, [])
    assert (await store.state()).dataset_version == before


async def test_an_empty_folder_has_none(tmp_path: Path) -> None:
    assert await new_store(tmp_path / "new").drop_repeats() == Repeats(0, [])
