"""``mapstream look``: its options."""

from pathlib import Path
from typing import Annotated

import typer

from services.cli import commands
from services.cli.commands.exit import finish
from services.cli.settings import Json
from shared.errors import ConfigurationError
from shared.readers.told import FORMATS, Told


def look(
    file: Annotated[Path, typer.Argument(help="A table, sheets, a log of an agent or a text.")],
    *,
    rows: Annotated[
        bool, typer.Option("--rows", help="Print every record, the names of the columns first.")
    ] = False,
    format_: Annotated[
        str | None, typer.Option("--format", help=f"What it is: {', '.join(FORMATS)}.")
    ] = None,
    encoding: Annotated[str | None, typer.Option(help="How its text is written.")] = None,
    delimiter: Annotated[
        str | None, typer.Option(help="What separates its cells; tab is a name, too.")
    ] = None,
    header_row: Annotated[
        int | None, typer.Option(min=0, help="The row that names the columns; 0: none does.")
    ] = None,
    sheet: Annotated[
        list[str] | None,
        typer.Option("--sheet", help="A sheet to read, hidden or not; may be repeated."),
    ] = None,
    json: Json = False,
) -> None:
    """Show what a file holds and how it is read; nothing is stored, and no service is needed.

    What kind of file it is, its encoding and delimiter, each with why; sheets read and skipped,
    the header, columns with examples, warnings, and how many records there are. With --rows every
    record is a line of JSON: its cells as strings, in the order of the columns; the first line of
    each table names them, and warnings go to the other output.

    Exits with 0 if all of it can be read, 3 if some rows cannot, 2 if the file cannot.
    """

    async def start() -> int:
        told = _told(format_, encoding, delimiter, header_row, sheet)
        shown = commands.look.print_rows if rows else commands.look.print_preview
        code: int = await shown(file, told, is_json=json)
        return code

    finish(start)


def _told(
    kind: str | None,
    encoding: str | None,
    delimiter: str | None,
    header_row: int | None,
    sheets: list[str] | None,
) -> Told:
    """Check what was said about a file.

    Raises:
        ConfigurationError: It is said wrongly.
    """
    if kind is not None and kind not in FORMATS:
        raise ConfigurationError(f"--format {kind}: unknown; known are {', '.join(FORMATS)}")
    if encoding is not None:
        try:
            "".encode(encoding)
        except (LookupError, ValueError) as error:
            raise ConfigurationError(
                f"--encoding {encoding}: unknown; utf-8, cp1252, utf-16 and shift_jis are some"
            ) from error
    if delimiter is not None:
        delimiter = {"tab": "\t", "\\t": "\t", "space": " "}.get(delimiter, delimiter)
        if len(delimiter) != 1:
            raise ConfigurationError("--delimiter: must be one character, or tab or space")
    return Told(kind, encoding, delimiter, header_row, tuple(sheets or ()))
