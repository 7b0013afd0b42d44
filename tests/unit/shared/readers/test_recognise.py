"""A file is what its bytes are, whatever its name says; what is not read says what it is."""

import gzip

import pytest

from shared.readers.errors import UnreadableFileError
from tests.unit.shared.readers.readings import read


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"%PDF-1.7\n", "PDF"),
        (gzip.compress(b"a,b\n1,2\n", mtime=0), "gzip"),
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (b"SQLite format 3\0", "SQLite"),
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "HTML"),
        (b"\xef\xbb\xbf  <table><tr><td>1</td></tr></table>", "HTML"),
        (bytes(range(1, 32)) * 50, "no text"),
    ],
)
@pytest.mark.parametrize("name", ["a.csv", "a.xlsx", "a"])
def test_what_is_not_read_says_what_it_is_and_what_helps(
    data: bytes, reason: str, name: str
) -> None:
    with pytest.raises(UnreadableFileError) as refused:
        read(data, name)

    assert reason in refused.value.reason
    assert refused.value.remedy


def test_a_table_needs_no_name() -> None:
    found = read("a,b\n" + "1,2\n" * 9, "download")

    assert found.recognised.format == "csv"
    assert len(found.rows) == 9
