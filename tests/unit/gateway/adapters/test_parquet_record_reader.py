from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from services.gateway.adapters.parquet_record_reader import ParquetRecordReader
from services.gateway.handlers.records import find_record
from shared.errors import TransientError
from tests.unit.gateway.builders import write_map


def write_runs(folder: Path, *rows: tuple[str, str, int, int], group_rows: int = 3) -> None:
    """Write id, source, step and place within it of each row, in the order in which they came."""
    whole: dict[str, Any] = {
        "id": [one[0] for one in rows],
        "timestamp": pa.nulls(len(rows), pa.timestamp("us", tz="UTC")),
        "filename": [one[1] for one in rows],
        "text": [f"text of {one[0]}" for one in rows],
        "iteration": pa.array([one[2] for one in rows], pa.int32()),
        "idx_in_iteration": pa.array([one[3] for one in rows], pa.int32()),
        "type": ["iteration"] * len(rows),
        "projection_x": pa.array([0.5] * len(rows), pa.float32()),
        "projection_y": pa.array([1.5] * len(rows), pa.float32()),
        "attributes": ['{"model": "m"}'] + [None] * (len(rows) - 1),
        "arrived_at": pa.nulls(len(rows), pa.timestamp("us", tz="UTC")),
    }
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(whole), folder / "logs.parquet", row_group_size=group_rows)


RUNS = (
    ("b2", "b", 2, 0), ("a1", "a", 1, 0), ("b1", "b", 1, 0), ("c1", "c", 1, 0),
    ("a3", "a", 3, 0), ("a2-late", "a", 2, 1), ("a2", "a", 2, 0),
)  # fmt: skip


@pytest.mark.parametrize(
    ("key", "place", "steps", "previous", "after"),
    [
        ("a1", 1, 4, None, "a2"),
        ("a2", 2, 4, "a1", "a2-late"),
        ("a2-late", 3, 4, "a2", "a3"),
        ("a3", 4, 4, "a2-late", None),
        ("b1", 1, 2, None, "b2"),
        ("c1", 1, 1, None, None),
    ],
)
async def test_a_record_knows_its_place_in_its_run(
    tmp_path: Path, key: str, place: int, steps: int, previous: str | None, after: str | None
) -> None:
    """The rows of a run stand in the file as they were committed, in several groups."""
    write_runs(tmp_path / "default", *RUNS)

    found = await find_record("default", key, records=ParquetRecordReader(tmp_path))

    assert found
    assert (found.text, found.place, found.steps) == (f"text of {key}", place, steps)
    assert (found.previous and found.previous.id) == previous
    assert (found.next and found.next.id) == after
    assert (found.x, found.y, found.attributes) == (0.5, 1.5, {})


async def test_what_its_source_says_is_told(tmp_path: Path) -> None:
    write_map(tmp_path / "default", ["a", "b", "c"])

    found = await find_record("default", "b", records=ParquetRecordReader(tmp_path))

    assert found
    assert found.attributes == {"model": "m"}
    assert found.timestamp is not None


async def test_there_is_no_such_record_or_file(tmp_path: Path) -> None:
    reader = ParquetRecordReader(tmp_path)
    assert await reader.find("default", "a1") is None
    write_runs(tmp_path / "default", *RUNS)
    assert await reader.find("default", "nobody") is None


async def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "default").mkdir()
    (tmp_path / "default" / "logs.parquet").write_bytes(b"no parquet")

    with pytest.raises(TransientError):
        await ParquetRecordReader(tmp_path).find("default", "a1")
