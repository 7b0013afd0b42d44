"""Records: the texts of a source, each with a number of its own."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from services.discovery.domain.entries import Entry
from services.discovery.domain.segments import NONE, Counts
from shared.record_ids import record_id


@dataclass(frozen=True, slots=True)
class Record:
    """One text of a source and where it stands."""

    id: str
    timestamp: datetime | None
    filename: str
    text: str
    iteration: int
    idx_in_iteration: int
    type: str
    line: int
    byte_offset: int
    truncated: bool = False
    attributes: str | None = None


class Numbering:
    """Makes records of a source's entries, counting repeated iterations in file order."""

    def __init__(self, filename: str, before: Counts = NONE) -> None:
        self._filename = filename
        self._before = before
        self._seen: Counter[int] = Counter()

    @property
    def counts(self) -> Counts:
        """How many records of each iteration there were up to now."""
        return self._before.plus(self._seen)

    def copy(self) -> "Numbering":
        """Return one that has counted the same, and counts on for itself."""
        other = Numbering(self._filename, self._before)
        other._seen = self._seen.copy()
        return other

    def record(self, entry: Entry) -> Record | None:
        """Return the entry's record; None: there is nothing to map in it."""
        draft = entry.draft
        if draft is None:
            return None
        idx = self._before.of(draft.iteration) + self._seen[draft.iteration]
        self._seen[draft.iteration] += 1
        return Record(
            id=record_id(self._filename, draft.iteration, idx),
            timestamp=draft.timestamp,
            filename=self._filename,
            text=draft.text,
            iteration=draft.iteration,
            idx_in_iteration=idx,
            type=draft.type,
            line=entry.line,
            byte_offset=entry.byte_offset,
            attributes=draft.attributes,
        )
