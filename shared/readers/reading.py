"""Reads a file of any kind: recognises it, and gives it to the reader of its kind."""

from collections.abc import Iterator
from itertools import islice
from typing import BinaryIO, Final

from shared.readers.agents.reading import read_agents, recognise_tool
from shared.readers.archives import look_into
from shared.readers.delimited import SAMPLE_LINES, read_delimited
from shared.readers.dialects import AGREEING, find_shape
from shared.readers.encodings import find_encoding
from shared.readers.errors import UnreadableFileError
from shared.readers.json_tables import read_json
from shared.readers.lines import Numbered, lines_of
from shared.readers.parts import Part, Row, Warned, Warnings
from shared.readers.prose import read_prose
from shared.readers.recognise import Kind, look_into_ole, recognise
from shared.readers.told import Told

MOST_UNPACKED: Final = 64 << 20
MOST_TIMES: Final = 50
CELL_COST: Final = 16
"""Bytes that a cell counts for beside its text."""


def read_file(file: BinaryIO, name: str, told: Told) -> Iterator[Part]:
    """Read a file, whatever it is.

    Args:
        file: It can be read from any position.
        name: Its name, a hint where its bytes could be either.
        told: What a person knows better.

    Yields:
        How it was recognised, then what is in it, in its order, then warnings.

    Raises:
        UnreadableFileError: It cannot be read, or no further.
    """
    kind = Kind(told.format, "it was told so") if told.format else recognise(file, name)
    if kind.format == "zip":
        archive = look_into(file)
        kind = Kind(archive.format, archive.why)
    elif kind.format == "ole":
        kind = look_into_ole(file)
    elif kind.format == "unnamed":
        kind = _by_its_lines(file, kind, told)
    elif kind.format == "text" and not told.format:
        kind = _tabbed(file, told) or kind
    yield from _parts(file, kind, told)
    if kind.doubt:
        yield Warned("name", kind.doubt)


def _parts(file: BinaryIO, kind: Kind, told: Told) -> Iterator[Part]:
    """Call the reader; those that need a large library are loaded when they are needed."""
    if kind.format == "csv":
        yield from read_delimited(file, told, kind.why)
    elif kind.format in ("xlsx", "xls", "ods"):
        from shared.readers.sheets import read_sheets  # noqa: PLC0415

        yield from _weighed(file, read_sheets(file, kind.format, kind.why, told))
    elif kind.format == "parquet":
        from shared.readers.parquet import read_parquet  # noqa: PLC0415

        yield from _weighed(file, read_parquet(file, kind.why))
    elif kind.format in ("text", "markdown"):
        yield from read_prose(file, kind.format, kind.why, told)
    else:
        yield from _of_json(file, kind, told)


def _of_json(file: BinaryIO, kind: Kind, told: Told) -> Iterator[Part]:
    """Read what an agent did, if a known tool wrote it, else any objects."""
    encoding = find_encoding(file, told.encoding)
    tool = None if told.format == "jsonl" else recognise_tool(file, encoding)
    if tool is not None:
        yield from read_agents(file, encoding, tool)
    elif told.format == "agent-run":
        raise UnreadableFileError(
            "no tool is known that writes such logs of agents",
            "leave --format out to read its objects as they are",
        )
    else:
        yield from read_json(file, kind.why, told)


def _weighed(file: BinaryIO, parts: Iterator[Part]) -> Iterator[Part]:
    """Stop where a packed file holds out of proportion more than it takes.

    Raises:
        UnreadableFileError: It does.
    """
    most = MOST_UNPACKED + MOST_TIMES * file.seek(0, 2)
    file.seek(0)
    size = 0
    for part in parts:
        if isinstance(part, Row):
            size += sum(map(len, part.cells)) + CELL_COST * len(part.cells)
            if size > most:
                raise UnreadableFileError(
                    f"it is packed, and holds more than {most >> 20} MiB, far more than it takes",
                    "if it is to be trusted, split it or save it as CSV",
                )
        yield part


def _by_its_lines(file: BinaryIO, kind: Kind, told: Told) -> Kind:
    """Tell a table from prose, where the name does not."""
    lines = _sample(file, told)
    shape = find_shape(lines, told.delimiter)
    if len(lines) > 1 and shape.width > 1 and shape.share >= AGREEING:
        return Kind("csv", f"it is text, and its lines have {shape.width} cells each", kind.doubt)
    return Kind("text", "it is text, and its lines do not have as many cells each", kind.doubt)


def _tabbed(file: BinaryIO, told: Told) -> Kind | None:
    """Tell a table whose name says text: between its cells are tabs, as many in each line."""
    lines = _sample(file, told)
    filled = [line.rstrip("\r\n") for _, line in lines if line.strip()]
    counts = {line.count("\t") for line in filled}
    if len(filled) > 1 and len(counts) == 1 and 0 not in counts:
        return Kind("csv", f"it is text, and its lines have {1 + counts.pop()} cells each")
    return None


def _sample(file: BinaryIO, told: Told) -> list[Numbered]:
    encoding = find_encoding(file, told.encoding)
    return list(islice(lines_of(file, encoding, Warnings()), SAMPLE_LINES))
