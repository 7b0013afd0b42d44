"""What Python's csv writes, in whatever dialect and encoding, is read as it was."""

import csv
import io
from dataclasses import dataclass
from typing import Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.readers.told import Told
from tests.unit.shared.readers.readings import read

WORDS = ["Anna", "Łódź", "crème brûlée", "Москва", "北京", "x", "two words", "1,5", "a;b", "a|b"]
HARD = ['say "hi"', '"', "two\nlines", "two\r\nlines", "it's", "a, b, c", "tab\there", " spaced "]
CELLS = st.one_of(
    st.just(""),
    st.integers(-999, 99999).map(str),
    st.sampled_from(WORDS),
    st.sampled_from(HARD),
    st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=12),
)
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]


@dataclass
class Written:
    columns: list[str]
    rows: list[list[str]]
    data: bytes


@st.composite
def tables(draw: st.DrawFn) -> Written:
    width = draw(st.integers(2, 6))
    columns = [f"column_{chr(97 + place)}" for place in range(width)]
    count = draw(st.integers(5, 25))
    others = st.lists(CELLS, min_size=width - 1, max_size=width - 1)
    rows = [[str(1000 + number), *draw(others)] for number in range(count)]
    out = io.StringIO(newline="")
    writer = csv.writer(
        out,
        delimiter=draw(st.sampled_from(",;\t|")),
        quoting=draw(st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL])),
        lineterminator=draw(st.sampled_from(["\n", "\r\n"])),
    )
    writer.writerows([columns, *rows])
    return Written(columns, rows, out.getvalue().encode(draw(st.sampled_from(ENCODINGS))))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(tables())
def test_every_cell_comes_back(written: Written) -> None:
    found = read(written.data)

    assert found.columns == written.columns
    assert found.rows == written.rows
    assert found.bad == []


@pytest.mark.parametrize("delimiter", list(",;\t|^~\x1f "))
@pytest.mark.parametrize("quoting", [csv.QUOTE_ALL, csv.QUOTE_MINIMAL])
def test_every_delimiter_is_found_and_told(delimiter: str, quoting: Literal[0, 1]) -> None:
    rows = [[str(n), f"name {n}", "one, two; three", f"2024-01-{n:02}"] for n in range(1, 25)]
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, quoting=quoting).writerows([["id", "a", "b", "c"], *rows])

    found = read(out.getvalue())
    assert found.rows == rows
    assert found.facts["delimiter"] != "none"


def test_decimal_commas_are_no_delimiters() -> None:
    rows = [[f"{n},5", f"{n},25", f"{n},75"] for n in range(20)]

    found = read("x;y;z\n" + "\n".join(map(";".join, rows)))
    assert found.facts["delimiter"] == "semicolon"
    assert found.rows == rows


def test_a_single_column_stays_one() -> None:
    names = [f"Person {n}, of the town" if n % 3 == 0 else f"Person {n}" for n in range(30)]

    found = read("name\n" + "\n".join(names))
    assert found.columns == ["name"]
    assert found.rows == [[name] for name in names]


@pytest.mark.parametrize("quote", ['"', "'"])
def test_either_quote_is_known(quote: str) -> None:
    rows = [[str(n), "a, b", "c\nd"] for n in range(9)]
    out = io.StringIO(newline="")
    csv.writer(out, quotechar=quote, quoting=csv.QUOTE_ALL).writerows([["x", "y", "z"], *rows])

    assert read(out.getvalue()).rows == rows


def test_quotes_after_a_backslash_are_known() -> None:
    rows = [[str(n), 'say "hi", then go', "a\\b"] for n in range(9)]
    out = io.StringIO(newline="")
    writer = csv.writer(out, escapechar="\\", doublequote=False, quoting=csv.QUOTE_ALL)
    writer.writerows([["x", "y", "z"], *rows])

    assert read(out.getvalue()).rows == rows


@pytest.mark.parametrize("delimiter", list(",;\t|"))
def test_sentences_of_equally_many_words_in_quotes_are_no_columns(delimiter: str) -> None:
    rows = [[str(one), f"it was said by number {one} of them"] for one in range(30)]
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows([["row", "note"], *rows])

    found = read(out.getvalue().encode())

    assert (found.columns, found.rows) == (["row", "note"], rows)


def test_a_space_may_stand_before_a_quote() -> None:
    text = "id, name, city\n" + "".join(f'{n}, "Doe, J", "X, Y"\n' for n in range(9))

    assert read(text).rows == [[str(n), "Doe, J", "X, Y"] for n in range(9)]


def test_what_is_told_goes_before_what_is_found() -> None:
    text = "a;b,c\n1;2,3\n4;5,6\n"
    assert read(text, told=Told(delimiter=";")).columns == ["a", "b,c"]
    assert read(text, told=Told(delimiter=",")).columns == ["a;b", "c"]
    assert read(text, told=Told(delimiter=",", header_row=0)).columns == ["column 1", "column 2"]
    assert read(text, told=Told(delimiter=",", header_row=2)).columns == ["1;2", "3"]
    assert read("é".encode("cp1252") * 9, "a.csv", Told(encoding="cp1250")).columns == ["é" * 9]


def test_of_a_large_table_every_record_comes_once() -> None:
    count = 30_000
    data = "id,text\n" + "".join(f'{n},"line {n}\nand ""more"""\n' for n in range(count))

    found = read(data)
    assert len(found.records) == count
    assert found.records[-1].cells == (str(count - 1), f'line {count - 1}\nand "more"')
    assert found.records[-1].number == 2 * count


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from(list("ab1é,;|\t\"' \n\r\0")), min_size=1, max_size=120))
def test_of_any_text_no_letter_gets_lost(text: str) -> None:
    """Whatever the quotes do: what is read and what is told to be unreadable is all there is."""
    found = read(text, told=Told(format="csv", encoding="utf-8", header_row=0))

    assert {len(row) for row in found.rows} <= {len(found.columns)}
    kept = "".join("".join(row) for row in found.rows) + "".join(one.text for one in found.bad)
    assert sorted(filter(str.isalnum, kept)) == sorted(filter(str.isalnum, text))
    assert sorted(found.records + found.bad, key=lambda one: one.number) == [
        one for one in found.parts if one in found.records or one in found.bad
    ]


@settings(max_examples=100, deadline=None)
@given(st.text(st.sampled_from(list('ab1é,;"\n0-/ ')), max_size=200), st.sampled_from(ENCODINGS))
def test_nothing_crashes_it(text: str, encoding: str) -> None:
    found = read(text.encode(encoding) or b" ", told=Told(format="csv"))

    assert {len(row) for row in found.rows} <= {len(found.columns)}
