import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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


PLACES = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(0, 3), st.integers(0, 3)),
    min_size=1, max_size=12, unique=True,
)  # fmt: skip


THOUGHTS = st.sampled_from(("a", "b", "c", "of nobody", None))


@settings(max_examples=60, deadline=None)
@given(PLACES, st.integers(1, 5), THOUGHTS)
def test_a_record_is_the_same_whatever_source_is_thought_to_have_it(
    places: list[tuple[str, int, int]], group_rows: int, thought: str | None
) -> None:
    """As a plain look through all rows tells it; sources and groups of rows lie as they come."""
    rows = [(f"{source}{step}{place}", source, step, place) for source, step, place in places]

    async def check(folder: Path) -> None:
        reader = ParquetRecordReader(folder)
        for key, source, *_ in rows:
            run = sorted((one[2:], one[0]) for one in rows if one[1] == source)
            ids = [one[1] for one in run]
            own = ids.index(key)
            around = (*ids[:own][-1:], *ids[own + 1 :][:1])
            found = await reader.find("default", key, thought)
            assert found
            assert (found.columns["id"], found.columns["filename"]) == (key, source)
            assert found.columns["text"] == f"text of {key}"
            assert (found.place, found.steps) == (own, len(ids))
            beside = [one for one in (found.previous, found.next) if one]
            assert tuple(one.id for one in beside) == around
            assert tuple(one.text for one in beside) == tuple(f"text of {one}" for one in around)

    with TemporaryDirectory() as folder:
        write_runs(Path(folder) / "default", *rows, group_rows=group_rows)
        asyncio.run(check(Path(folder)))


def damage(path: Path, group: int) -> None:
    """Make a group of rows unreadable."""
    told = pq.read_metadata(path).row_group(group)
    columns = [told.column(number) for number in range(told.num_columns)]
    with path.open("r+b") as file:
        for column in columns:
            file.seek(column.dictionary_page_offset or column.data_page_offset)
            file.write(b"\xff" * column.total_compressed_size)


async def test_only_what_may_have_the_source_is_looked_at(tmp_path: Path) -> None:
    """Groups of rows that a hint leaves out cost nothing: here they cannot even be read."""
    rows = [(f"{source}{step}", source, step, 0) for source in "abc" for step in range(3)]
    write_runs(tmp_path / "default", *rows)
    for group in (0, 2):
        damage(tmp_path / "default" / "logs.parquet", group)
    reader = ParquetRecordReader(tmp_path)

    found = await reader.find("default", "b1", "b")

    assert found
    assert (found.previous and found.previous.id, found.next and found.next.id) == ("b0", "b2")
    with pytest.raises(TransientError):
        await reader.find("default", "b1")


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
    for source in (None, "a", "nowhere"):
        assert await reader.find("default", "nobody", source) is None


async def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "default").mkdir()
    (tmp_path / "default" / "logs.parquet").write_bytes(b"no parquet")

    with pytest.raises(TransientError):
        await ParquetRecordReader(tmp_path).find("default", "a1")
