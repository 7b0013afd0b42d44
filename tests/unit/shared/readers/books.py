"""Sheets as another library writes them."""

import io
import zipfile
from collections.abc import Callable
from typing import Any

import xlsxwriter

Book = xlsxwriter.Workbook
SHEET = "xl/worksheets/sheet1.xml"


def book(write: Callable[[Any], None], **options: Any) -> bytes:
    out = io.BytesIO()
    made = Book(out, {"in_memory": True, **options})
    write(made)
    made.close()
    return out.getvalue()


def sheet_of(rows: list[list[Any]], **options: Any) -> bytes:
    def write(made: Any) -> None:
        sheet = made.add_worksheet("One")
        for number, row in enumerate(rows):
            sheet.write_row(number, 0, row)

    return book(write, **options)


def with_part(data: bytes, part: str, content: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as before, zipfile.ZipFile(out, "w", 8) as after:
        for name in before.namelist():
            after.writestr(name, content if name == part else before.read(name))
    return out.getvalue()
