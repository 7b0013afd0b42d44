"""Reads bytes as a file of some name, and sorts what comes of it."""

import io
from collections.abc import Iterable
from dataclasses import dataclass

from shared.readers.parts import BadRow, Part, Recognised, Row, Skipped, Table, Warned
from shared.readers.reading import read_file
from shared.readers.told import Told


@dataclass
class Reading:
    parts: list[Part]

    @property
    def recognised(self) -> Recognised:
        return next(one for one in self.parts if isinstance(one, Recognised))

    @property
    def facts(self) -> dict[str, str]:
        return {one.name: one.value for one in self.recognised.facts}

    @property
    def tables(self) -> list[Table]:
        return [one for one in self.parts if isinstance(one, Table)]

    @property
    def columns(self) -> list[str]:
        (table,) = self.tables
        return list(table.columns)

    @property
    def records(self) -> list[Row]:
        return [one for one in self.parts if isinstance(one, Row)]

    @property
    def rows(self) -> list[list[str]]:
        return [list(one.cells) for one in self.records]

    @property
    def bad(self) -> list[BadRow]:
        return [one for one in self.parts if isinstance(one, BadRow)]

    @property
    def skipped(self) -> dict[str, str]:
        return {one.name: one.reason for one in self.parts if isinstance(one, Skipped)}

    @property
    def warned(self) -> dict[str, Warned]:
        return {one.code: one for one in self.parts if isinstance(one, Warned)}


def read(data: bytes | str, name: str = "a.csv", told: Told | None = None) -> Reading:
    data = data.encode() if isinstance(data, str) else data
    return Reading(list(read_file(io.BytesIO(data), name, told or Told())))


def lines(rows: Iterable[Iterable[str]], delimiter: str = ",", end: str = "\r\n") -> str:
    return "".join(delimiter.join(row) + end for row in rows)
