"""What a reader of XLSX does not tell: formulas without a value, errors, zeros that a format adds.

The parts of the file are searched as bytes; what cannot be found so is not told.
"""

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Final
from xml.etree import ElementTree as ET

MAIN: Final = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
LINK: Final = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
PIECE: Final = 1 << 20
MOST_ERRORS: Final = 100_000
SPARSE_CELLS: Final = 8 << 20
"""An area with more cells is not taken as a whole; a sheet that fills it has a larger file."""
SMALL_SHEET: Final = 16 << 20
CELL: Final = re.compile(rb"<c\s([^>]*[^>/])>((?:(?!</c>).)*)</c>", re.DOTALL)
FORMULA: Final = re.compile(rb"\s*<f(?:\s[^>]*)?(?:/>|>[^<]*</f>)\s*(?:<v\s*/>|<v></v>)?\s*")
VALUE: Final = re.compile(rb"<v>([^<]*)</v>")
PLACE: Final = re.compile(rb'\br="([A-Z]{1,3})(\d{1,7})"')
STYLE: Final = re.compile(rb'\bs="(\d+)"')
ZEROS: Final = re.compile(r"0{2,}")


@dataclass(slots=True)
class Hints:
    """What was found of one sheet."""

    without_value: list[str] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)
    hidden_zeros: list[str] = field(default_factory=list)
    is_sparse: bool = False


def hints_of(file: BinaryIO) -> dict[str, Hints]:
    """Look through the sheets of a file, by their names; none where it is built otherwise."""
    try:
        with zipfile.ZipFile(file) as archive:
            zeros = _zero_styles(archive)
            return {name: _hints(archive, part, zeros) for name, part in _sheets(archive)}
    except (KeyError, ET.ParseError, zipfile.BadZipFile, OSError, ValueError):
        return {}
    finally:
        file.seek(0)


def _sheets(archive: zipfile.ZipFile) -> Iterator[tuple[str, str]]:
    links = ET.fromstring(archive.read("xl/_rels/workbook.xml.rels"))  # noqa: S314  in the child
    parts = {one.get("Id"): one.get("Target", "") for one in links}
    book = ET.fromstring(archive.read("xl/workbook.xml"))  # noqa: S314
    for sheet in book.iter(f"{MAIN}sheet"):
        target = parts.get(sheet.get(LINK), "")
        part = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
        if "worksheets/" in part:
            yield sheet.get("name", ""), part


def _zero_styles(archive: zipfile.ZipFile) -> frozenset[int]:
    """Return the styles whose numbers begin with zeros that are not stored."""
    if "xl/styles.xml" not in archive.namelist():
        return frozenset()
    styles = ET.fromstring(archive.read("xl/styles.xml"))  # noqa: S314
    codes = {
        one.get("numFmtId"): one.get("formatCode", "") for one in styles.iter(f"{MAIN}numFmt")
    }
    cells = styles.find(f"{MAIN}cellXfs")
    found = enumerate([] if cells is None else cells.findall(f"{MAIN}xf"))
    return frozenset(
        number for number, one in found if ZEROS.fullmatch(codes.get(one.get("numFmtId"), ""))
    )


def _hints(archive: zipfile.ZipFile, part: str, zeros: frozenset[int]) -> Hints:
    hints = Hints()
    held = b""
    rows, columns = 0, 0
    is_small = archive.getinfo(part).file_size <= SMALL_SHEET
    with archive.open(part) as sheet:
        while piece := sheet.read(PIECE):
            held += piece
            end = held.rfind(b"</c>") + 4
            if end < 4:  # noqa: PLR2004  none has ended
                held = held[-PIECE:]
                continue
            whole, held = held[:end], held[end:]
            _look(whole, zeros, hints)
            if is_small:
                for letters, row in PLACE.findall(whole):
                    rows, columns = max(rows, int(row)), max(columns, _column(letters))
    hints.is_sparse = rows * columns > SPARSE_CELLS
    return hints


def _look(xml: bytes, zeros: frozenset[int], hints: Hints) -> None:
    if b"<f" not in xml and b't="e"' not in xml and not zeros:
        return
    for attributes, inside in CELL.findall(xml):
        place = PLACE.search(attributes)
        name = (place[1] + place[2]).decode() if place else "?"
        if FORMULA.fullmatch(inside):
            hints.without_value.append(name)
        elif b't="e"' in attributes and len(hints.errors) < MOST_ERRORS:
            value = VALUE.search(inside)
            hints.errors[name] = value[1].decode("utf-8", "replace") if value else "#ERROR"
        elif zeros and (style := STYLE.search(attributes)) and int(style[1]) in zeros:
            hints.hidden_zeros.append(name)


def _column(letters: bytes) -> int:
    number = 0
    for one in letters:
        number = 26 * number + one - 64
    return number


def sparse_rows(file: BinaryIO, name: str, most_cells: int) -> dict[int, dict[int, Any]]:
    """Read a sheet whose cells are far apart, cell by cell.

    Raises:
        ValueError: It has more cells.
    """
    import openpyxl  # noqa: PLC0415  rarely needed

    book = openpyxl.load_workbook(file, read_only=True, data_only=True)
    found: dict[int, dict[int, Any]] = {}
    count = 0
    sheet = book[name]
    sheet.reset_dimensions()
    for row in sheet.rows:
        for cell in row:
            if cell.value is not None:
                found.setdefault(cell.row, {})[cell.column] = cell.value
                count += 1
                if count > most_cells:
                    raise ValueError(name)
    return found
