"""What a file that somebody hands in may be called."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.contracts.uploads import LONGEST_NAME, Upload, file_name, numbered

BLOB = "a" * 64


@pytest.mark.parametrize(
    ("given_name", "name"),
    [
        ("table.csv", "table.csv"),
        ("../../etc/passwd", "passwd"),
        (r"C:\Users\Ada\table.csv", "table.csv"),
        ("  table.csv ", "table.csv"),
        ("u\u0308ber.csv", "\u00fcber.csv"),
        ("отчёт 2026.xlsx", "отчёт 2026.xlsx"),
        ("नमस्\u200dते.csv", "नमस्\u200dते.csv"),
        ("...", "..."),
    ],
)
def test_a_name_is_what_comes_after_folders_in_one_way_of_writing(
    given_name: str, name: str
) -> None:
    assert file_name(given_name) == name


@pytest.mark.parametrize(
    "given_name",
    ["", "  ", ".", "..", "a/..", "a/", "a\0b", "a\nb", "a\x7fb", "a\x85b", "a\u2028b", "\ud800",
     "invoice\u202efdp.exe", "x" * (LONGEST_NAME + 1), "é" * (LONGEST_NAME // 2 + 1)],
)  # fmt: skip
def test_what_cannot_be_seen_or_is_too_long_is_refused(given_name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        file_name(given_name)


@given(st.text())
def test_a_name_that_is_taken_stays_as_it_is_and_has_no_folder(given_name: str) -> None:
    try:
        name = file_name(given_name)
    except ValueError:
        return

    assert file_name(name) == name
    assert not {"/", "\\", "\0"} & set(name)
    assert Upload(filename=name, blob=BLOB, job_id="1").filename == name


@pytest.mark.parametrize("name", ["a/b.csv", " a.csv", "u\u0308.csv", "a\nb", "..", ""])
def test_a_command_names_a_file_as_the_door_does(name: str) -> None:
    with pytest.raises(ValidationError):
        Upload(filename=name, blob=BLOB, job_id="1")


@pytest.mark.parametrize(
    ("name", "second"),
    [("a.csv", "a (2).csv"), ("a.tar.gz", "a.tar (2).gz"), ("README", "README (2)"),
     (".env", ".env (2)")],
)  # fmt: skip
def test_the_second_file_of_a_name_has_a_number(name: str, second: str) -> None:
    assert numbered(name, 1) == name
    assert numbered(name, 2) == second
