"""Turns the lines of one source into batches of records and bad lines."""

import json
from collections.abc import Iterable, Iterator

from services.discovery.domain.batching import Cut, Cutter, Limits
from services.discovery.domain.entries import BadLine, Decode, parse_line
from services.discovery.domain.lines import Line, OversizedLine
from services.discovery.domain.records import RecordReader


class SourceReader:
    """Reads one source, whatever portions its lines come in.

    Batches come out in file order and so do bad lines, each as soon as it is known; a bad line
    does not wait for the batch that is being filled.
    """

    def __init__(self, filename: str, limits: Limits, decode: Decode = json.loads) -> None:
        self._records = RecordReader(filename)
        self._cutter = Cutter(limits)
        self._decode = decode

    def feed(self, lines: Iterable[Line | OversizedLine]) -> Iterator[Cut | BadLine]:
        """Read the next lines, as far as pieces of them are asked for: one line may hold many."""
        for line in lines:
            for entry in parse_line(line, self._decode):
                found = entry if isinstance(entry, BadLine) else self._records.read(entry)
                if isinstance(found, BadLine):
                    yield found
                elif found is not None and (cut := self._cutter.add(found)) is not None:
                    yield cut

    def finish(self) -> Cut:
        """Return the last batch, when there are no more lines."""
        return self._cutter.finish()
