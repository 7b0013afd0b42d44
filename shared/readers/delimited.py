"""Reads CSV and its kin: text with a record a line, or several, whose cells are separated."""

import re
from collections.abc import Iterator
from itertools import chain, islice
from typing import BinaryIO, Final

from shared.readers.dialects import Shape, delimiter_name, find_shape
from shared.readers.encodings import find_encoding
from shared.readers.errors import UnreadableFileError
from shared.readers.lines import lines_of, warn_of, without_end
from shared.readers.parts import Fact, Part, Recognised, Warnings
from shared.readers.records import Records
from shared.readers.tables import Frame, open_table, parts_of
from shared.readers.told import Told

SAMPLE_LINES: Final = 2000
MOST_COLUMNS: Final = 16_384
"""As a sheet of Excel has."""
SAMPLE_CHARACTERS: Final = 1 << 20
DECLARED: Final = re.compile(r'"?sep=(?P<delimiter>[^\w"])"?[,;\t]*', re.IGNORECASE)
"""The line in which Excel is told what separates the cells; it is no record."""


def read_delimited(file: BinaryIO, told: Told, why: str) -> Iterator[Part]:
    """Read a file of separated cells.

    Args:
        file: It can be read from any position.
        told: What is known better.
        why: Why it is taken for one.

    Raises:
        UnreadableFileError: It has too many columns.
    """
    warnings = Warnings()
    encoding = find_encoding(file, told.encoding)
    warn_of(encoding, warnings)
    lines = lines_of(file, encoding, warnings)
    sample, size = [], 0
    for line in islice(lines, SAMPLE_LINES):
        sample.append(line)
        size += len(line[1])
        if size > SAMPLE_CHARACTERS:
            break
    said = DECLARED.fullmatch(without_end(sample[0][1])) if sample else None
    if said is not None:
        del sample[0]
    delimiter = told.delimiter or (said["delimiter"] if said else None)
    shape = find_shape(sample, delimiter)
    if shape.longest > MOST_COLUMNS:
        raise UnreadableFileError(
            f"its records have {shape.longest} cells, and {MOST_COLUMNS} is the limit",
            "tell what separates the cells, if it is not that, or split the table",
        )
    records = iter(Records(chain(sample, lines), shape.dialect, shape.longest, warnings))
    opening = open_table(records, Frame(shape.longest), told)
    yield Recognised(
        "csv",
        why,
        (
            Fact("encoding", encoding.codec, encoding.why),
            Fact("delimiter", delimiter_name(shape.dialect.delimiter), _why(shape, told, said)),
            Fact("header", opening.places, opening.header.why),
        ),
    )
    yield from parts_of(opening, records, warnings)
    yield from warnings.parts()


def _why(shape: Shape, told: Told, said: re.Match[str] | None) -> str:
    if told.delimiter is not None:
        return "it was told so"
    if said is not None:
        return "the first line says so"
    if shape.dialect.delimiter is None:
        return "no character separates the lines into as many cells each"
    quote = "" if shape.dialect.quote == '"' else f", quoted with {shape.dialect.quote}"
    return (
        f"with it, {int(100 * shape.share)} % of the first records have {shape.width} cells{quote}"
    )
