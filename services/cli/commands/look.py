"""``mapstream look``: what a file holds and how it is read."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import BinaryIO

from anyio import to_thread
from rich.console import Console

from services.cli.commands.tables import facts, plain
from shared.errors import ConfigurationError
from shared.readers import preview
from shared.readers.errors import UnreadableFileError
from shared.readers.in_process import read_in_process
from shared.readers.parts import BadRow, Part, Row, Skipped, Table, Warned
from shared.readers.preview import Preview, TableView
from shared.readers.told import Told
from shared.terminal_safe import terminal_safe

EXIT_BAD_ROWS = 3
COLUMNS_SHOWN = 50


async def print_rows(file: Path, told: Told, *, is_json: bool) -> int:
    """Print every record as a line of JSON, and on the other output what is to be known.

    Raises:
        ConfigurationError: The file cannot be read, or no further.
    """
    del is_json  # it is JSON in any case
    return await to_thread.run_sync(partial(_print_rows, file, told))


def _print_rows(file: Path, told: Told) -> int:
    bad = 0
    for part in _parts(file, told):
        if isinstance(part, Row | Table):
            cells = part.cells if isinstance(part, Row) else part.columns
            sys.stdout.write(json.dumps(cells, ensure_ascii=False) + "\n")
        elif isinstance(part, BadRow):
            bad += 1
            _tell(f"{file}: row {part.number} is left out: {part.reason}: {part.text[:200]}")
        elif isinstance(part, Skipped):
            _tell(f"{file}: sheet {part.name!r} is left out: {part.reason}")
        elif isinstance(part, Warned):
            _tell(f"{file}: {_warning(asdict(part))}")
    sys.stdout.flush()
    return EXIT_BAD_ROWS if bad else 0


def _tell(line: str) -> None:
    sys.stderr.write(f"mapstream: {terminal_safe(line)}\n")


async def print_preview(file: Path, told: Told, *, is_json: bool) -> int:
    """Print what a file holds and how it is read.

    Raises:
        ConfigurationError: The file cannot be read, or no further.
    """
    found = await to_thread.run_sync(partial(preview_of, file, told))
    if is_json:
        sys.stdout.write(json.dumps(asdict(found), ensure_ascii=False) + "\n")
    else:
        _print(found)
    return EXIT_BAD_ROWS if any(one.bad_rows for one in found.tables) else 0


def preview_of(file: Path, told: Told) -> Preview:
    """Read a file and keep what a preview shows of it.

    Raises:
        ConfigurationError: The file cannot be read, or no further.
    """
    with _opened(file) as opened:
        try:
            return preview.preview_of(opened, file.name, told, shown_as=str(file))
        except UnreadableFileError as error:
            raise ConfigurationError(f"{file}: {error}") from error


def _parts(file: Path, told: Told) -> Iterator[Part]:
    with _opened(file) as opened:
        try:
            yield from read_in_process(opened, file.name, told)
        except UnreadableFileError as error:
            raise ConfigurationError(f"{file}: {error}") from error


@contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    if file.exists() and not file.is_file():
        raise ConfigurationError(f"{file}: is no file; name one")
    try:
        opened = file.open("rb")
    except OSError as error:
        raise ConfigurationError(
            f"{file}: cannot be read: {error.strerror}; check its name and permissions"
        ) from error
    with opened:
        yield opened


def _print(found: Preview) -> None:
    console = Console(highlight=False)
    rows = [("file", f"{found.file}, {found.size_bytes} bytes")]
    rows.append(("format", f"{found.format}: {found.why}"))
    rows += [(one["name"], f"{one['value']}: {one['why']}") for one in found.facts]
    console.print(facts(rows))
    for table in found.tables:
        console.print()
        console.print(plain(_title(table)), soft_wrap=True)
        console.print(facts(_columns(table)))
    for one in found.skipped:
        console.print(plain(f"left out: sheet {one['name']!r}: {one['reason']}"), soft_wrap=True)
    if found.warnings or found.bad_rows:
        console.print()
    for one in found.warnings:
        console.print(plain(f"warning: {_warning(one)}", "yellow"), soft_wrap=True)
    for one in found.bad_rows:
        console.print(plain(f"row {one['number']}: {one['reason']}", "red"), soft_wrap=True)


def _title(table: TableView) -> str:
    name = f"sheet {table.name!r}: " if table.name is not None else ""
    bad = f", {table.bad_rows} rows cannot be read" if table.bad_rows else ""
    return f"{name}{table.rows} records in {len(table.columns)} columns{bad}"


def _columns(table: TableView) -> list[tuple[str, str]]:
    rows = [(f"note, row {one['row']}", one["text"]) for one in table.notes[:3]]
    for column in table.columns[:COLUMNS_SHOWN]:
        share = f"{column.filled} filled: " if column.filled < table.rows else ""
        rows.append((column.name, share + " · ".join(column.examples)))
    if len(table.columns) > COLUMNS_SHOWN:
        rows.append(("...", f"and {len(table.columns) - COLUMNS_SHOWN} columns more"))
    return rows


def _warning(warned: dict) -> str:
    times = f" ({warned['count']} times)" if warned["count"] > 1 else ""
    places = f"; first: {', '.join(warned['places'])}" if warned["places"] else ""
    return f"{warned['text']}{times}{places}"
