"""A reader in a process of its own: what it finds comes, and what it may take is limited."""

import tempfile
from pathlib import Path

import pytest

from shared.readers.errors import UnreadableFileError
from shared.readers.in_process import Limits, read_in_process
from shared.readers.parts import Row
from shared.readers.told import Told
from tests.unit.shared.readers.books import SHEET, sheet_of, with_part
from tests.unit.shared.readers.readings import read

TEXT = (
    'Title,,\nid,"na\nme",text\n'
    + "".join(f'{n},"a ""b""",é{n}\n' for n in range(5000))
    + "1,2,3,4,\n"
)


def file_of(data: bytes, folder: Path) -> Path:
    path = folder / "a.csv"
    path.write_bytes(data)
    return path


def test_it_finds_what_is_found_here(tmp_path: Path) -> None:
    with file_of(TEXT.encode(), tmp_path).open("rb") as file:
        found = list(read_in_process(file, "a.csv", Told(delimiter=",")))

    assert found == read(TEXT, told=Told(delimiter=",")).parts
    assert len(found) > 5000


def test_a_refusal_crosses_with_its_remedy(tmp_path: Path) -> None:
    with (
        file_of(b"%PDF-1.7", tmp_path).open("rb") as file,
        pytest.raises(UnreadableFileError) as refused,
    ):
        list(read_in_process(file, "a.csv", Told()))

    assert "PDF" in refused.value.reason
    assert "save" in refused.value.remedy


def test_a_file_that_its_reader_gives_up_on_is_one_that_cannot_be_read(tmp_path: Path) -> None:
    """Whatever its library raises, or panics with."""
    data = with_part(sheet_of([["a", "b"], [1, 2]]), SHEET, b"<worksheet><sheetData>&k;</x>")
    with (
        file_of(data, tmp_path).open("rb") as file,
        pytest.raises(UnreadableFileError, match="its reader gave up"),
    ):
        list(read_in_process(file, "a.xlsx", Told()))


def test_memory_is_limited() -> None:
    with tempfile.TemporaryFile() as file:
        file.write(b'{"a": "' + b"a" * (24 << 20) + b'"}')
        limits = Limits(memory_mb=72)
        with pytest.raises(UnreadableFileError, match="more than 72 MiB of memory"):
            list(read_in_process(file, "a.csv", Told(format="jsonl"), limits))


def test_time_is_limited(tmp_path: Path) -> None:
    data = b"a,b\n" + b'"x,y\n' * 500_000
    with (
        file_of(data, tmp_path).open("rb") as file,
        pytest.raises(UnreadableFileError, match="more than 1 s"),
    ):
        list(read_in_process(file, "a.csv", Told(), Limits(cpu_s=1)))


def test_who_works_without_a_word_is_stopped(tmp_path: Path) -> None:
    """By its own work, not by the clock: a machine that has much to do says nothing of a file."""
    with (
        file_of(b"\n" * 20_000_000, tmp_path).open("rb") as file,
        pytest.raises(UnreadableFileError, match="1 s of work nothing came"),
    ):
        list(read_in_process(file, "a.csv", Told(), Limits(silent_s=1 - 20_000_000 / (1 << 20))))


def test_who_says_a_word_now_and_then_may_work_for_long(tmp_path: Path) -> None:
    data = TEXT.encode() * 10
    silent_s = 0.6 - len(data) / (1 << 20)
    with file_of(data, tmp_path).open("rb") as file:
        found = list(read_in_process(file, "a.csv", Told(), Limits(silent_s=silent_s)))
    assert len(found) > 50_000


def test_who_asks_for_no_more_leaves_no_process(tmp_path: Path) -> None:
    with file_of(TEXT.encode() * 50, tmp_path).open("rb") as file:
        found = read_in_process(file, "a.csv", Told())
        while not isinstance(next(found), Row):
            pass
        found.close()

    children = Path("/proc/self/task").glob("*/children")
    assert "".join(one.read_text() for one in children).split() == []
