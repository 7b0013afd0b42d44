"""Reads a source again for those parts of it that could not be read the first time."""

import json
from bisect import bisect_right
from collections.abc import Iterable, Sequence

from services.discovery.domain.entries import BadLine, Decode, Entry, parse_line
from services.discovery.domain.letters import Letter
from services.discovery.domain.lines import Line, OversizedLine
from services.discovery.domain.records import Record, RecordReader

NO_RECORD = "it can be read now, but holds no record, so there is nothing to map; drop it"


class Rereader:
    """Makes records of some parts of a source, with the ids of none that it has already.

    A record's id counts the records of its iteration. What was readable has its number from the
    first reading, in file order; so the parts are numbered after all of that, first those that
    were replayed before, in the order of their replays, then those that are wanted now.
    """

    def __init__(
        self,
        filename: str,
        unreadable: Sequence[Letter],
        wanted: frozenset[str],
        decode: Decode = json.loads,
    ) -> None:
        self._numbering = RecordReader(filename)
        self._decode = decode
        self._parts = [part for part in unreadable if part.byte_offset is not None]
        self._starts = [part.byte_offset or 0 for part in self._parts]
        self._wanted = wanted
        self._found: dict[str, list[Entry | BadLine]] = {}

    def feed(self, lines: Iterable[Line | OversizedLine]) -> None:
        """Read the next lines."""
        for line in lines:
            for entry in parse_line(line, self._decode):
                part = self._part_at(entry.byte_offset)
                if part is None:
                    if isinstance(entry, Entry):
                        self._numbering.read(entry)
                elif part.fate == "replayed" or part.key in self._wanted:
                    self._found.setdefault(part.key, []).append(entry)

    def finish(self) -> dict[str, list[Record] | str]:
        """Return the records of each wanted part, or why it has none."""
        parts = sorted(
            (part for part in self._parts if part.key in self._found),
            key=lambda part: (part.turn is None, part.turn or 0),
        )
        made = {part.key: self._records_of(part) for part in parts}
        return {key: made.get(key, NO_RECORD) for key in self._wanted}

    def _records_of(self, part: Letter) -> list[Record] | str:
        entries = self._found[part.key]
        for bad in entries:
            if isinstance(bad, BadLine):
                return f"it still cannot be read: {bad.reason}"
        records = []
        for entry in entries:
            found = self._numbering.read(entry) if isinstance(entry, Entry) else None
            if isinstance(found, BadLine):
                return f"it still cannot be read: {found.reason}"
            if found is not None:
                records.append(found)
        return records or NO_RECORD

    def _part_at(self, byte_offset: int) -> Letter | None:
        position = bisect_right(self._starts, byte_offset) - 1
        if position < 0:
            return None
        part = self._parts[position]
        end = (part.byte_offset or 0) + part.size
        return part if byte_offset < end else None
