from pathlib import Path

import pytest

from services.gateway.adapters.parquet_map_reader import ParquetMapReader
from services.gateway.ports import MapMarks
from shared.errors import TransientError
from tests.unit.gateway.builders import write_map


async def test_no_file_is_no_map(tmp_path: Path) -> None:
    reader = ParquetMapReader(tmp_path)

    assert await reader.marks("default") is None
    assert await reader.files("default") == []
    async with reader.open("default") as opened:
        assert opened is None


async def test_an_open_map_stays_itself_while_the_file_is_replaced(tmp_path: Path) -> None:
    """A map is downloaded for minutes, and the files are replaced every second."""
    reader = ParquetMapReader(tmp_path)
    write_map(tmp_path / "default", ["a", "b", "c"], dataset_version=1)
    async with reader.open("default") as opened:
        assert opened
        write_map(tmp_path / "default", ["z"], dataset_version=2, model_version=2)

        ids = [one async for rows in opened.batches() for one in rows.column("id").to_pylist()]

        assert (opened.marks.dataset_version, ids) == (1, ["a", "b", "c"])
    assert await reader.marks("default") == MapMarks(2, 2, 1)


async def test_marks_follow_the_file(tmp_path: Path) -> None:
    reader = ParquetMapReader(tmp_path)
    for version in (1, 2, 3):
        write_map(tmp_path / "default", ["a"] * version, dataset_version=version)
        assert await reader.marks("default") == MapMarks(version, 1, version)
    assert [one.name for one in await reader.files("default")] == ["logs.parquet"]


@pytest.mark.parametrize("content", [b"no parquet", b""])
async def test_a_damaged_file_is_no_empty_map(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "default").mkdir()
    (tmp_path / "default" / "logs.parquet").write_bytes(content)
    reader = ParquetMapReader(tmp_path)

    with pytest.raises(TransientError):
        await reader.marks("default")
    with pytest.raises(TransientError):
        async with reader.open("default"):
            pass
