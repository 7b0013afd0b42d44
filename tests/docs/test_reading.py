"""The ways to read the public files that the operating guide tells: right, whole, and to the end.

Each runs in a process of its own, since a reader may fail at the very end of one.
"""

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.docs.blocks import PAGES, ROOT

GUIDE = ROOT / "docs" / "operating.md"
ROW = re.compile(r"^\| (Polars|PyArrow|pandas) \| `(with .*?)` \|", re.MULTILINE)
WAYS = dict(ROW.findall(GUIDE.read_text()))
TIMES = 40
PROGRAM = """
import sys
import pandas as pd, polars as pl, pyarrow as pa, pyarrow.parquet as pq

path = sys.argv[1]
for _ in range({times}):
    {way}
    assert set(table["rows"].to_numpy()) == {{len(table)}}
"""
ABORTS = re.compile(r"(read_table|pd\.read_parquet)\(\s*(open\(|file\))")
"""PyArrow given a file of Python's; a name is fine where ``pa.OSFile`` gave it."""


@contextmanager
def replaced(path: Path) -> Iterator[None]:
    """Replace a file by others, again and again, until the block ends."""
    bodies = []
    for rows in (3_000, 20_001, 8_000):
        texts = ["text " * (5 + number % 7) for number in range(rows)]
        pq.write_table(
            pa.table({"text": texts, "rows": [rows] * rows}), path, row_group_size=5_000
        )
        bodies.append(path.read_bytes())
    is_over = threading.Event()

    def replace() -> None:
        beside = path.with_suffix(".next")
        while not is_over.is_set():
            for body in bodies:
                beside.write_bytes(body)
                beside.replace(path)

    writer = threading.Thread(target=replace)
    writer.start()
    try:
        yield
    finally:
        is_over.set()
        writer.join()


def test_the_guide_tells_a_way_for_each_reader() -> None:
    assert set(WAYS) == {"Polars", "PyArrow", "pandas"}


@pytest.mark.parametrize("reader", ["Polars", "PyArrow", "pandas"])
def test_the_way_of_each_reader_is_right_while_the_file_is_replaced(
    reader: str, tmp_path: Path
) -> None:
    path = tmp_path / "map.parquet"
    program = PROGRAM.format(times=TIMES, way=WAYS[reader])

    with replaced(path):
        done = subprocess.run(
            [sys.executable, "-c", program, str(path)], capture_output=True, check=False, text=True
        )

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_page_reads_in_the_way_that_aborts(page: Path) -> None:
    for line in page.read_text().splitlines():
        if "pa.OSFile" not in line:
            assert not ABORTS.search(line), line
