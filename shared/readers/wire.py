"""How parts are told from one process to another: a line of JSON for some of them at a time."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any, Final

from shared.readers.errors import UnreadableFileError
from shared.readers.parts import BadRow, Fact, Part, Recognised, Row, Skipped, Table, Warned

PIECE: Final = 256
PIECE_CHARACTERS: Final = 1 << 18
KINDS: Final[dict[str, Any]] = {
    one.__name__: one for one in (Recognised, Table, BadRow, Skipped, Warned)
}


def written(parts: Iterable[Part]) -> Iterator[str]:
    """Write parts as lines."""
    piece: list[Any] = []
    size = 0
    for part in parts:
        if isinstance(part, Row):
            piece.append([part.number, part.cells])
            size += sum(map(len, part.cells))
        else:
            piece.append([type(part).__name__, asdict(part)])
        if len(piece) >= PIECE or size >= PIECE_CHARACTERS:
            yield json.dumps(piece) + "\n"
            piece, size = [], 0
    if piece:
        yield json.dumps(piece) + "\n"


def refused(reason: str, remedy: str) -> str:
    """Write why a file cannot be read, or no further."""
    return json.dumps([["refused", [reason, remedy]]]) + "\n"


def read(line: bytes) -> Iterator[Part]:
    """Read the parts of a line.

    Raises:
        UnreadableFileError: The line says so.
    """
    for kind, fields in json.loads(line):
        if isinstance(kind, int):
            yield Row(kind, tuple(fields))
        elif kind == "refused":
            raise UnreadableFileError(*fields)
        else:
            yield _part(kind, fields)


def _part(kind: str, fields: dict[str, Any]) -> Part:
    if kind == "Recognised":
        fields["facts"] = tuple(Fact(**one) for one in fields["facts"])
    if kind == "Table":
        fields["notes"] = tuple((number, text) for number, text in fields["notes"])
    made = {name: tuple(one) if isinstance(one, list) else one for name, one in fields.items()}
    return KINDS[kind](**made)
