"""What every OutputWriter does, and what the Parquet files look like to others."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from services.writing.adapters.parquet_output_writer import ParquetOutputWriter
from services.writing.domain.stored_state import StoreState
from services.writing.ports import OutputWriter, PublishedFiles
from shared.contracts.batches import Batch
from shared.contracts.projection import ProjectionModel
from shared.errors import TransientError
from tests.builders import NOW
from tests.fakes.dataset_store import FakeDatasetStore
from tests.fakes.output_writer import FakeOutputWriter
from tests.unit.writing.scenes import model, piece

LOGS = pa.schema(
    [
        ("id", pa.string()),
        ("timestamp", pa.timestamp("us", tz="UTC")),
        ("filename", pa.string()),
        ("text", pa.string()),
        ("iteration", pa.int32()),
        ("idx_in_iteration", pa.int32()),
        ("type", pa.string()),
        ("projection_x", pa.float32()),
        ("projection_y", pa.float32()),
        ("attributes", pa.string()),
        ("arrived_at", pa.timestamp("us", tz="UTC")),
        ("source_version", pa.int32()),
        ("outcome", pa.string()),
        ("final_answer", pa.string()),
        ("input_tokens", pa.int64()),
        ("output_tokens", pa.int64()),
        ("cost", pa.float64()),
    ]
)


def saying(batch: Batch, attributes: list[str | None]) -> Batch:
    at = batch.rows.schema.get_field_index("attributes")
    column = pa.array(attributes, pa.string())
    rows = batch.rows.set_column(at, batch.rows.schema.field(at), column)
    return Batch(batch.descriptor, rows)


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def embeddings(dimension: int) -> pa.Schema:
    return pa.schema([("id", pa.string()), ("vector", pa.list_(pa.float32(), dimension))])


def parquet(folder: Path, *, has_embeddings: bool = True) -> ParquetOutputWriter:
    return ParquetOutputWriter(folder, has_embeddings=has_embeddings)


@pytest.fixture(params=["fake", "parquet"])
def output(request: pytest.FixtureRequest, tmp_path: Path) -> OutputWriter:
    return FakeOutputWriter() if request.param == "fake" else parquet(tmp_path / "c")


async def filled(rows: int = 3) -> FakeDatasetStore:
    store = FakeDatasetStore()
    await store.commit([piece("a", rows=rows), piece("b", rows=rows)], {}, {})
    return store


async def write(
    output: OutputWriter, store: FakeDatasetStore, plane: ProjectionModel | None
) -> PublishedFiles:
    async with store.snapshot() as snapshot:
        return await output.write(snapshot, collection="default", model=plane)


async def test_before_the_first_writing_nothing_is_published(output: OutputWriter) -> None:
    assert await output.published() is None


async def test_what_is_published_is_told(output: OutputWriter) -> None:
    told = await write(output, await filled(), model(1))

    assert told == PublishedFiles(dataset_version=1, model_version=1, records=6)
    assert await output.published() == told


async def test_it_is_noted_of_which_files_it_was_told(output: OutputWriter) -> None:
    store = await filled()
    files = await write(output, store, model(1))
    assert await output.told() is None

    await output.note_told(files)
    assert await output.told() == files

    await store.commit([piece("c")], {}, {})
    assert await write(output, store, model(2)) != await output.told()


async def test_what_was_told_outlives_a_restart(tmp_path: Path) -> None:
    files = await write(parquet(tmp_path), await filled(), model(1))
    await parquet(tmp_path).note_told(files)

    assert await parquet(tmp_path).told() == files
    (tmp_path / "told.json").write_text("rubbish")
    assert await parquet(tmp_path).told() is None


async def test_without_rows_and_model_files_are_published_too(output: OutputWriter) -> None:
    told = await write(output, FakeDatasetStore(), None)

    assert told == PublishedFiles(dataset_version=0, model_version=None, records=0)


async def test_columns_and_types_are_those_of_the_contract(tmp_path: Path) -> None:
    await write(parquet(tmp_path), await filled(), model(1))

    logs, vectors = pq.read_table(tmp_path / "logs.parquet"), tmp_path / "embeddings.parquet"
    assert logs.schema.equals(LOGS)
    assert pq.read_table(vectors).schema.equals(embeddings(8))
    assert logs.column("id").equals(pq.read_table(vectors).column("id"))
    assert (
        logs.column("projection_x")
        .chunk(0)
        .equals(pa.concat_arrays([piece("a", rows=3).rows["x"], piece("b", rows=3).rows["x"]]))
    )


async def test_what_is_said_of_records_stands_in_columns_behind_the_others(tmp_path: Path) -> None:
    said = [
        {"outcome": "ok", "usage": {"input_tokens": 3, "output_tokens": 4}, "cost": 0.5},
        {"final_answer": "42", "town": "Ulm", "floor": 2},
        None,
    ]
    store = FakeDatasetStore()
    texts = [None if one is None else json.dumps(one) for one in said]
    await store.commit([piece("a", rows=1), saying(piece("b", rows=3), texts)], {}, {})
    await write(parquet(tmp_path), store, model(1))

    logs = pq.read_table(tmp_path / "logs.parquet")
    further = [pa.field("floor", pa.int64()), pa.field("town", pa.string())]
    assert logs.schema.remove_metadata() == pa.schema([*LOGS, *further])
    assert {name: logs.column(name).to_pylist() for name in logs.schema.names[9:]} == {
        "attributes": [None, *texts],
        "arrived_at": [NOW] * 4,
        "source_version": [1] * 4,
        "outcome": [None, "ok", None, None],
        "final_answer": [None, None, "42", None],
        "input_tokens": [None, 3, None, None],
        "output_tokens": [None, 4, None, None],
        "cost": [None, 0.5, None, None],
        "floor": [None, None, 2, None],
        "town": [None, None, "Ulm", None],
    }


async def test_files_with_the_columns_of_another_version_are_written_anew(tmp_path: Path) -> None:
    await write(parquet(tmp_path), await filled(), model(1))
    for name in ("logs", "embeddings"):
        file = tmp_path / f"{name}.parquet"
        table = pq.read_table(file)
        marks = dict(table.schema.metadata)
        del marks[b"mapstream.format"]  # as the files of 0.1.0
        pq.write_table(table.replace_schema_metadata(marks), file)

    assert await parquet(tmp_path).published() is None


async def test_without_rows_the_files_have_the_same_columns(tmp_path: Path) -> None:
    await write(parquet(tmp_path), FakeDatasetStore(), None)

    assert pq.read_table(tmp_path / "logs.parquet").schema.equals(LOGS)
    assert pq.read_table(tmp_path / "embeddings.parquet").schema.equals(embeddings(1))


async def test_files_say_what_they_hold(tmp_path: Path) -> None:
    await write(parquet(tmp_path), await filled(), model(1))

    for name in ("logs", "embeddings"):
        marks = pq.read_schema(tmp_path / f"{name}.parquet").metadata
        assert ProjectionModel.model_validate_json(marks.pop(b"mapstream.model")) == model(1)
        marks.pop(b"ARROW:schema", None)
        assert marks == {
            b"mapstream.collection": b"default",
            b"mapstream.dataset_version": b"1",
            b"mapstream.format": b"3",
            b"mapstream.model_version": b"1",
            b"mapstream.records": b"6",
        }


async def test_duckdb_polars_and_pandas_open_the_files(tmp_path: Path) -> None:
    await write(parquet(tmp_path), await filled(), model(1))
    logs, vectors = str(tmp_path / "logs.parquet"), str(tmp_path / "embeddings.parquet")

    with duckdb.connect() as connection:
        joined = connection.execute(
            "SELECT count(*), sum(len(vector)) FROM read_parquet(?) JOIN read_parquet(?) "
            "USING (id) WHERE projection_x IS NOT NULL",
            [logs, vectors],
        ).fetchone()
    expected = piece("a", rows=3).rows["vector"].to_pylist()
    assert joined == (6, 48)
    assert pl.read_parquet(vectors)["vector"].to_list()[:3] == expected
    assert pl.read_parquet(logs)["timestamp"].dtype == pl.Datetime("us", "UTC")
    assert [list(row) for row in pd.read_parquet(vectors)["vector"][:3]] == expected
    assert str(pd.read_parquet(logs)["iteration"].dtype) == "int32"


async def test_after_a_restart_it_is_known_what_is_published(tmp_path: Path) -> None:
    told = await write(parquet(tmp_path), await filled(), model(1))

    assert await parquet(tmp_path).published() == told


async def test_files_of_two_versions_do_not_count(tmp_path: Path) -> None:
    store = await filled()
    await write(parquet(tmp_path), store, model(1))
    (tmp_path / "logs.parquet").rename(tmp_path / "old")
    await store.commit([piece("c")], {}, {})
    await write(parquet(tmp_path), store, model(1))
    (tmp_path / "old").rename(tmp_path / "logs.parquet")

    assert await parquet(tmp_path).published() is None


@pytest.mark.parametrize("name", ["logs.parquet", "embeddings.parquet"])
async def test_a_damaged_file_does_not_count(tmp_path: Path, name: str) -> None:
    await write(parquet(tmp_path), await filled(), model(1))
    (tmp_path / name).write_bytes(b"damaged")

    assert await parquet(tmp_path).published() is None


async def test_embeddings_can_be_turned_off(tmp_path: Path) -> None:
    store = await filled()
    await write(parquet(tmp_path), store, model(1))
    output = parquet(tmp_path, has_embeddings=False)

    assert await output.published() is None
    told = await write(output, store, model(1))

    assert names(tmp_path) == ["logs.parquet"]
    assert await parquet(tmp_path, has_embeddings=False).published() == told


async def test_unfinished_files_of_a_crash_are_deleted(tmp_path: Path) -> None:
    (tmp_path / ".tmp-logs.parquet").write_bytes(b"PAR1")

    await parquet(tmp_path).published()

    assert names(tmp_path) == []


class Unreadable:
    """A snapshot that breaks off."""

    state = StoreState(9, 9, 9, 1, 8, {})

    def scan(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        yield piece("z").rows.select(list(columns))
        raise TransientError("the disk is gone")


async def test_a_failed_writing_leaves_the_old_files(tmp_path: Path) -> None:
    output = parquet(tmp_path)
    told = await write(output, await filled(), model(1))

    with pytest.raises(TransientError):
        await output.write(Unreadable(), collection="default", model=model(1))

    assert await output.published() == told
    assert names(tmp_path) == ["embeddings.parquet", "logs.parquet"]
