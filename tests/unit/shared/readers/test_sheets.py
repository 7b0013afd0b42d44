"""Sheets, as other libraries write them: each cell as a person sees it, the rest told."""

import datetime as dt
import io
import struct
import zipfile
from typing import Any

import pytest
import xlwt
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.readers.errors import UnreadableFileError
from shared.readers.told import Told
from tests.unit.shared.readers.books import SHEET, book, sheet_of, with_part
from tests.unit.shared.readers.readings import Reading, read

MANIFEST = (
    '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'
)


def open_document(rows: list[list[str]]) -> bytes:
    """Write ODS by hand: a few lines of XML."""
    cells = [
        "<table:table-row>"
        + "".join(
            f'<table:table-cell office:value-type="string"><text:p>{one}</text:p>'
            "</table:table-cell>"
            for one in row
        )
        + "</table:table-row>"
        for row in rows
    ]
    names = " ".join(
        f'xmlns:{one}="urn:oasis:names:tc:opendocument:xmlns:{one}:1.0"'
        for one in ("office", "table", "text")
    )
    content = (
        f"<office:document-content {names}><office:body><office:spreadsheet><table:table "
        f'table:name="One">{"".join(cells)}</table:table></office:spreadsheet></office:body>'
        "</office:document-content>"
    )
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        made.writestr("META-INF/manifest.xml", MANIFEST)
        made.writestr("content.xml", content)
    return out.getvalue()


VALUES = st.one_of(
    st.integers(-(2**52), 2**52),
    st.floats(-1e6, 1e6).map(lambda one: round(one, 4)),
    st.sampled_from(["Anna", "007", "two\nlines", "日本", "1,5", '"', "€ 5"]),
    st.booleans(),
)


def seen(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float) and value == int(value):
        return str(int(value))
    return str(value)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(VALUES, VALUES, VALUES), min_size=1, max_size=12))
def test_every_cell_comes_back(rows: list[tuple[Any, ...]]) -> None:
    header = ["id", "one", "two", "three"]
    numbered = [[place, *row] for place, row in enumerate(rows, 1000)]
    data = sheet_of([header, *numbered], strings_to_formulas=False)

    found = read(data, "a.bin")
    assert found.columns == header
    assert found.rows == [[seen(one) for one in row] for row in numbered]


def dates(**options: Any) -> Reading:
    def write(made: Any) -> None:
        sheet = made.add_worksheet("One")
        day, clock, long, both = (
            made.add_format({"num_format": one})
            for one in ("yyyy-mm-dd", "hh:mm", "[h]:mm:ss", "yyyy-mm-dd hh:mm:ss")
        )
        sheet.write_row(0, 0, ["day", "clock", "long", "both"])
        for row in range(1, 6):
            sheet.write_datetime(row, 0, dt.datetime(2020, 2, row), day)  # noqa: DTZ001
            sheet.write_datetime(row, 1, dt.time(14, 30), clock)
            sheet.write_number(row, 2, 1.5, long)
            sheet.write_datetime(row, 3, dt.datetime(2020, 1, 2, 3, 4, 5), both)  # noqa: DTZ001
        sheet.write_number(6, 0, 3_000_000, day)

    return read(book(write, **options))


@pytest.mark.parametrize("is_1904", [False, True])
def test_dates_times_and_durations_are_what_they_are(is_1904: bool) -> None:
    found = dates(date_1904=is_1904)

    assert found.rows[0] == ["2020-02-01", "14:30:00", "36:00:00", "2020-01-02 03:04:05"]


def test_a_date_that_no_calendar_has_stays_a_number_and_is_told() -> None:
    found = dates()

    assert found.rows[5][0] == "3000000"
    assert found.warned["odd-date"].places == ("One!A7",)


def test_a_formula_without_a_value_is_told() -> None:
    def write(made: Any) -> None:
        sheet = made.add_worksheet("One")
        sheet.write_row(0, 0, ["a", "b"])
        for row in range(1, 8):
            sheet.write(row, 0, row)
            sheet.write_formula(row, 1, "=A1*2", value="" if row > 2 else row * 2)
        sheet.write_formula(8, 1, "=1/0", value="#DIV/0!")

    found = read(book(write))
    assert [row[1] for row in found.rows] == ["2", "4", "", "", "", "", "", "#DIV/0!"]
    assert found.warned["no-value"].count == 5
    assert found.warned["no-value"].places[0] == "One!B4"
    assert found.warned["error-value"].places == ("One!B9",)


def test_integers_that_lost_digits_are_told() -> None:
    found = read(sheet_of([["id", "n"], ["a", 12345678901234567890], ["b", 1]]))

    assert found.rows == [["a", "12345678901234570000"], ["b", "1"]]
    assert found.warned["big-integer"].places == ("One!B2",)


def test_zeros_that_only_a_format_shows_are_told() -> None:
    def write(made: Any) -> None:
        sheet = made.add_worksheet("One")
        sheet.write_row(0, 0, ["name", "zip"])
        for row in range(1, 4):
            sheet.write(row, 0, "x")
            sheet.write(row, 1, 2134, made.add_format({"num_format": "00000"}))

    found = read(book(write))
    assert found.rows[0] == ["x", "2134"]
    assert found.warned["hidden-zeros"].count == 3


def many() -> bytes:
    def write(made: Any) -> None:
        for name in ("Seen", "Hidden", "Deep"):
            made.add_worksheet(name).write_column(0, 0, ["id", 1, 2])
        made.get_worksheet_by_name("Hidden").hide()
        made.get_worksheet_by_name("Deep").very_hidden()
        made.add_worksheet("Empty")
        made.add_chartsheet("Chart")

    return book(write)


def test_sheets_that_are_not_seen_are_listed_with_why() -> None:
    found = read(many())

    assert [one.name for one in found.tables] == ["Seen"]
    assert list(found.skipped) == ["Hidden", "Deep", "Empty", "Chart"]
    assert "hidden" in found.skipped["Hidden"]
    assert "chart" in found.skipped["Chart"]


def test_a_sheet_that_is_named_is_read_hidden_or_not() -> None:
    found = read(many(), told=Told(sheets=("Hidden", "Deep")))

    assert [one.name for one in found.tables] == ["Hidden", "Deep"]
    with pytest.raises(UnreadableFileError, match="has no sheet 'Nope'; it has these: Seen, Hid"):
        read(many(), told=Told(sheets=("Nope",)))


def test_a_name_over_several_columns_stands_in_each() -> None:
    def write(made: Any) -> None:
        sheet = made.add_worksheet("One")
        sheet.merge_range(0, 0, 0, 3, "A title")
        sheet.merge_range(2, 1, 2, 2, "2019")
        sheet.merge_range(2, 3, 2, 4, "2020")
        sheet.write_row(3, 0, ["city", "north", "south", "north", "south"])
        for row in range(4, 9):
            sheet.write_row(row, 0, ["x", row, row * 2, row, row])

    found = read(book(write))
    assert found.columns == [
        "city", "2019 / north", "2019 / south", "2020 / north", "2020 / south",
    ]  # fmt: skip
    assert found.rows[0] == ["x", "4", "8", "4", "4"]
    assert found.tables[0].notes[0] == (1, "A title")


def test_a_cell_far_from_the_others_costs_nothing() -> None:
    def write(made: Any) -> None:
        sheet = made.add_worksheet("One")
        sheet.write_column(0, 0, ["id", 1, 2])
        sheet.write(1048575, 16383, "far")

    found = read(book(write))
    assert found.rows[:2] == [["1", ""], ["2", ""]]
    assert found.rows[2] == ["", "far"]
    assert found.records[2].number == 1048576
    assert found.warned["sparse"].places == ("One!XFD1048576",)


def test_a_table_may_begin_anywhere() -> None:
    def write(made: Any) -> None:
        sheet = made.add_worksheet("One")
        for row, cells in enumerate([["name", "name"], ["x", 1], ["y", 2]], 3):
            sheet.write_row(row, 2, cells)

    found = read(book(write))
    assert found.columns == ["name", "name (D4)"]
    assert [one.number for one in found.records] == [5, 6]


def test_an_old_sheet() -> None:
    made = xlwt.Workbook()
    sheet = made.add_sheet("One")
    for row, cells in enumerate([["name", "n", "day"], ["x", 1, dt.date(2020, 1, 2)]] * 1):
        for column, cell in enumerate(cells):
            style = xlwt.easyxf(num_format_str="YYYY-MM-DD")
            sheet.write(row, column, cell, style if isinstance(cell, dt.date) else xlwt.XFStyle())
    out = io.BytesIO()
    made.save(out)

    found = read(out.getvalue(), "a.xlsx")
    assert found.recognised.format == "xls"
    assert [found.columns, *found.rows] == [["name", "n", "day"], ["x", "1", "2020-01-02"]]


def test_an_open_document() -> None:
    rows = [["name", "city"], ["Anna", "Łódź"], ["007", "x"]]

    found = read(open_document(rows), "a.xlsx")
    assert found.recognised.format == "ods"
    assert [found.columns, *found.rows] == rows


def test_what_cannot_be_opened_says_why() -> None:
    good = sheet_of([["a", "b"], [1, 2]])
    ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
    size = len(zipfile.ZipFile(io.BytesIO(good)).read(SHEET))
    bomb = good.replace(struct.pack("<I", size), struct.pack("<I", 513 << 20))
    for data, reason in [
        (ole + bytes(600) + "EncryptedPackage".encode("utf-16-le") + bytes(600), "password"),
        (ole + bytes(2000), "OLE file without sheets"),
        (good[: len(good) // 2], "damaged ZIP"),
        (bomb, "unpacks to 513 MiB"),
        (book(lambda made: made.add_worksheet("Empty") and None), "has a row"),
        (with_part(good, "xl/workbook.xml", b"<workbook/>"), "has a row"),
    ]:
        with pytest.raises(UnreadableFileError, match=reason):
            read(data)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr("word/document.xml", "x")
    with pytest.raises(UnreadableFileError, match="word processor"):
        read(out.getvalue())
