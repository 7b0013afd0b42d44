"""Reads XLSX, XLS and ODS: every sheet that is seen is a table."""

from collections.abc import Iterator
from typing import BinaryIO, Final

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetMetadata,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from shared.readers.archives import protected
from shared.readers.cells import text_of
from shared.readers.errors import UnreadableFileError
from shared.readers.headers import letters
from shared.readers.parts import Fact, Part, Recognised, Skipped, Table, Warnings
from shared.readers.shapes import shape_of
from shared.readers.tables import Frame, Opening, Record, open_table, parts_of
from shared.readers.told import Told
from shared.readers.xlsx_hints import Hints, hints_of, sparse_rows

MOST_SPARSE: Final = 1_000_000
PLACES_KEPT: Final = 5
TOLD: Final = {
    "no-value": "formulas have no stored value, so their cells are empty; open the file in its "
    "program and save it",
    "error-value": "cells hold an error instead of a value",
    "hidden-zeros": "numbers are shown with zeros before them that are not stored; they are read "
    "without",
}


def read_sheets(file: BinaryIO, kind: str, why: str, told: Told) -> Iterator[Part]:
    """Read the sheets of a file.

    Args:
        file: It can be read from any position.
        kind: xlsx, xls or ods.
        why: Why it is taken for that.
        told: What is known better.

    Raises:
        UnreadableFileError: It is protected or damaged, or has no such sheet.
    """
    hints = hints_of(file) if kind == "xlsx" else {}
    book = _opened(file)
    _check(told, book)
    skipped = [(one.name, _why_not(one, told)) for one in book.sheets_metadata]
    names = [name for name, reason in skipped if reason is None]
    yield Recognised(kind, why, (Fact("sheets", ", ".join(names) or "none", _which(told)),))
    warnings, has_table = Warnings(), False
    for name, reason in skipped:
        if reason is not None:
            yield Skipped(name, reason)
            continue
        for part in _sheet(file, book, name, hints.get(name, Hints()), told, warnings):
            has_table = has_table or isinstance(part, Table)
            yield part
    yield from warnings.parts()
    if not has_table:
        raise UnreadableFileError(
            "none of its sheets that are seen has a row",
            "name a hidden one to read it, or save it anew if it should have some",
        )


def _opened(file: BinaryIO) -> CalamineWorkbook:
    try:
        return CalamineWorkbook.from_filelike(file)
    except PasswordError as error:
        raise protected() from error
    except CalamineError as error:
        raise UnreadableFileError(
            f"its sheets cannot be opened ({error})",
            "open it in its program and save it anew, or as CSV",
        ) from error


def _check(told: Told, book: CalamineWorkbook) -> None:
    for name in told.sheets:
        if name not in book.sheet_names:
            known = ", ".join(book.sheet_names)
            raise UnreadableFileError(f"it has no sheet {name!r}", f"it has these: {known}")


def _which(told: Told) -> str:
    return "it was told so" if told.sheets else "all that are seen are read"


def _why_not(sheet: SheetMetadata, told: Told) -> str | None:
    if sheet.typ != SheetTypeEnum.WorkSheet:
        return "it is a chart or macro and has no rows"
    if told.sheets:
        return None if sheet.name in told.sheets else "it was not named"
    if sheet.visible == SheetVisibleEnum.Hidden:
        return "it is hidden; name it to read it"
    if sheet.visible == SheetVisibleEnum.VeryHidden:
        return "it is hidden even from the program's menu; name it to read it"
    return None


def _sheet(
    file: BinaryIO,
    book: CalamineWorkbook,
    name: str,
    hints: Hints,
    told: Told,
    warnings: Warnings,
) -> Iterator[Part]:
    _tell(name, hints, warnings)
    if hints.is_sparse:
        yield from _sparse(file, name, told, warnings)
        return
    sheet = book.get_sheet_by_name(name)
    if sheet.start is None or sheet.end is None:
        yield Skipped(name, "it is empty")
        return
    records = _records(sheet, name, hints, warnings)
    frame = Frame(sheet.end[1] - sheet.start[1] + 1, f"{name}, row", name, sheet.start[1])
    opening = open_table(records, frame, told)
    yield from parts_of(opening, _with_odd_dates(opening, records, warnings), warnings)


def _records(
    sheet: CalamineSheet, name: str, hints: Hints, warnings: Warnings
) -> Iterator[Record]:
    begin = sheet.start[1] if sheet.start else 0
    for number, row in enumerate(sheet.iter_rows(), 1):
        cells = []
        for column, value in enumerate(row):
            if isinstance(value, str) and (value or not hints.errors):
                cells.append(value)
                continue
            place = f"{letters(begin + column)}{number}"
            error = hints.errors.get(place, "") if value == "" else ""
            cells.append(error or text_of(value, f"{name}!{place}", warnings))
        yield Record(number, cells)


def _with_odd_dates(
    opening: Opening, records: Iterator[Record], warnings: Warnings
) -> Iterator[Record]:
    """Tell of numbers in columns of dates: dates that no calendar has stay numbers."""
    body = opening.first[opening.header.begin :]
    dates = [
        column
        for column in range(opening.frame.width)
        if _are_dates([one.cells[column] for one in body])
    ]
    for record in body:
        _look(record, dates, opening.frame, warnings)
    for record in records:
        _look(record, dates, opening.frame, warnings)
        yield record


def _are_dates(cells: list[str]) -> bool:
    shapes = [shape_of(one) for one in cells]
    return shapes.count("date") > (len(shapes) - shapes.count("empty")) / 2


def _look(record: Record, dates: list[int], frame: Frame, warnings: Warnings) -> None:
    for column in dates:
        if shape_of(record.cells[column]) == "number":
            text = "cells of columns of dates hold numbers: dates that are out of range, perhaps"
            place = f"{frame.name}!{letters(frame.first_column + column)}{record.number}"
            warnings.add("odd-date", text, place)


def _tell(name: str, hints: Hints, warnings: Warnings) -> None:
    found = (hints.without_value, list(hints.errors), hints.hidden_zeros)
    for (code, text), places in zip(TOLD.items(), found, strict=True):
        for place in places[:PLACES_KEPT]:
            warnings.add(code, text, f"{name}!{place}")
        if len(places) > PLACES_KEPT:
            warnings.add(code, text, count=len(places) - PLACES_KEPT)


def _sparse(file: BinaryIO, name: str, told: Told, warnings: Warnings) -> Iterator[Part]:
    """Read a sheet whose cells are far apart: the columns that are filled, and no others."""
    try:
        rows = sparse_rows(file, name, MOST_SPARSE)
    except ValueError as error:
        raise UnreadableFileError(
            f"its sheet {name!r} spans a vast area with more than {MOST_SPARSE} cells",
            "delete what is far from its table, or save it as CSV",
        ) from error
    columns = sorted({column for row in rows.values() for column in row})
    text = "cells are far from the others; the empty columns and rows between are left out"
    warnings.add("sparse", text, f"{name}!{letters(columns[-1] - 1)}{max(rows)}")
    records = (
        Record(
            number,
            [
                text_of(row.get(one), f"{name}!{letters(one - 1)}{number}", warnings)
                for one in columns
            ],
        )
        for number, row in sorted(rows.items())
    )
    opening = open_table(records, Frame(len(columns), f"{name}, row", name), told)
    yield from parts_of(opening, records, warnings)
