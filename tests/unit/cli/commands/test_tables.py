"""Lists fit the terminal: a row an entry, or in a narrow one a line a value."""

import io
from collections.abc import Sequence

import pytest
from rich.console import Console

from services.cli.commands.tables import listed

NAMES = ("number", "file", "record", "reason")
ROWS = [
    ("1", "a.jsonl", "", "not JSON: Expecting value"),
    ("12", "b\x1b.jsonl", "r-7", "too long"),
]


def told(width: int, rows: Sequence[Sequence[str]]) -> str:
    file = io.StringIO()
    console = Console(file=file, width=width, highlight=False)
    for part in listed(NAMES, rows, width=width, numbers=("number",)):
        console.print(part)
    return file.getvalue()


@pytest.mark.parametrize("width", [40, 60, 79, 80, 200])
def test_no_word_is_cut(width: int) -> None:
    text = told(width, ROWS)

    assert all(word in text for word in ("number", "a.jsonl", "not JSON:", "Expecting", "r-7"))
    assert "\x1b" not in text


def test_a_wide_terminal_has_a_row_an_entry() -> None:
    assert len(told(80, ROWS).splitlines()) == 1 + len(ROWS)


def test_a_narrow_one_leaves_out_what_is_empty() -> None:
    first, second = told(60, ROWS).strip().split("\n\n")

    assert [line.split()[0] for line in first.splitlines()] == ["number", "file", "reason"]
    assert [line.split()[0] for line in second.splitlines()] == list(NAMES)


@pytest.mark.parametrize("width", [60, 80])
def test_nothing_needs_no_head(width: int) -> None:
    assert told(width, []) == ""
