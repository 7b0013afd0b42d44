"""Reads a source again for those parts of it that could not be read the first time."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from services.discovery.domain.dead_letters import Letter
from services.discovery.domain.entries import BadLine, Entry, Part
from services.discovery.domain.records import Numbering, Record
from services.discovery.domain.runs import BadRun, Gatherer

MANY_VERSIONS = 1_000_000
"""What is left of a run has few letters, as a late version has."""
NO_RECORD = "it can be read now, but holds no record, so there is nothing to map; drop it"


@dataclass(slots=True)
class Readable:
    """What was unreadable and is no more, and what of the same letter still is."""

    records: list[Record] = field(default_factory=list)
    spans: list[tuple[int, int]] = field(default_factory=list)
    """Where in the source that stands which can be read."""
    left: list[BadLine] = field(default_factory=list)
    gaps: list[int] = field(default_factory=list)
    """Before which of those something readable comes."""
    _is_going_on: bool = False

    def take(self, entry: Entry, record: Record | None) -> None:
        """Note an entry that can be read, and its record if it has one."""
        if record is not None:
            self.records.append(record)
        end = entry.byte_offset + entry.size
        begin = self.spans.pop()[0] if self._is_going_on else entry.byte_offset
        self.spans.append((begin, end - begin))
        self._is_going_on = True

    def refuse(self, part: BadLine) -> None:
        """Note a part that cannot be read."""
        if self._is_going_on:
            self.gaps.append(len(self.left))
        self.left.append(part)
        self._is_going_on = False

    def runs(self) -> Iterator[BadLine | BadRun]:
        """Give what still cannot be read, as few letters."""
        gatherer = Gatherer(MANY_VERSIONS)
        gaps = set(self.gaps)
        for number, part in enumerate(self.left):
            if number in gaps and (run := gatherer.good()) is not None:
                yield run
            if (told := gatherer.bad(part)) is not None:
                yield told
        if (last := gatherer.finish()) is not None:
            yield last


class Rereader:
    """Makes records of some parts of a source, with the ids of none that it has already.

    A record's id counts the records of its iteration. What was readable has its number from the
    first reading, in file order; so the parts are numbered after all of that, first those that
    were replayed before, in the order of their replays, then those that are wanted now.
    """

    def __init__(
        self, filename: str, unreadable: Sequence[Letter], wanted: frozenset[str]
    ) -> None:
        self._numbering = Numbering(filename)
        stretches = [
            (begin, end, part)
            for part in unreadable
            if part.byte_offset is not None
            for begin, end in part.stretches
        ]
        self._stretches = sorted(stretches, key=lambda stretch: stretch[:2])
        self._starts = [begin for begin, *_ in self._stretches]
        self._parts = {part.key: part for part in unreadable}
        self._wanted = wanted
        self._found: dict[str, list[Part]] = {}

    def read(self, entries: Iterable[Part | None]) -> Iterator[None]:
        """Read all of it; yields wherever the format has a rest."""
        for found in entries:
            if found is None:
                yield None
            else:
                self._take(found)

    def finish(self) -> dict[str, Readable | str]:
        """Return what can be read now of each wanted part, or why nothing can."""
        parts = sorted(
            (self._parts[key] for key in self._found),
            key=lambda part: (part.turn is None, part.turn or 0),
        )
        made = {part.key: self._reread(part) for part in parts}
        return {key: made.get(key, NO_RECORD) for key in self._wanted}

    def _reread(self, part: Letter) -> Readable | str:
        """Make a part's records; one that is refused leaves no trace in the numbers."""
        numbering = self._numbering.copy()
        found = Readable()
        for entry in self._found[part.key]:
            if isinstance(entry, BadLine):
                found.refuse(entry)
            else:
                found.take(entry, numbering.record(entry))
        first = found.left[0].reason if found.left else ""
        if found.left and (part.records == 1 or not found.records):
            return f"it still cannot be read: {first}"
        if not found.records:
            return NO_RECORD
        self._numbering = numbering
        return found

    def _take(self, found: Part) -> None:
        part = self._part_at(found.byte_offset)
        if part is None:
            if isinstance(found, Entry):
                self._numbering.record(found)
        elif part.fate == "replayed" or part.key in self._wanted:
            self._found.setdefault(part.key, []).append(found)

    def _part_at(self, byte_offset: int) -> Letter | None:
        position = bisect_right(self._starts, byte_offset) - 1
        if position < 0:
            return None
        _, end, part = self._stretches[position]
        return part if byte_offset < end else None
