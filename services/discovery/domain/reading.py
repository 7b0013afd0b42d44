"""Turns the lines of one source into batches of records and bad lines."""

import json
from collections.abc import Iterable, Iterator

from services.discovery.domain.batching import Cut, Cutter, Limits
from services.discovery.domain.entries import BadLine, Decode, parse_line
from services.discovery.domain.lines import Line, OversizedLine
from services.discovery.domain.records import RecordReader
from services.discovery.domain.runs import BadRun, Gatherer

Piece = Cut | BadLine | BadRun


class SourceReader:
    """Reads one source, whatever portions its lines come in.

    Batches come out in file order and so do bad lines, each as soon as it is known; a bad line
    does not wait for the batch that is being filled. When there were many, runs of them come.
    """

    def __init__(
        self, filename: str, limits: Limits, decode: Decode = json.loads, *, version: int = 1
    ) -> None:
        self._records = RecordReader(filename)
        self._cutter = Cutter(limits)
        self._decode = decode
        self._bad = Gatherer(version)

    def feed(self, lines: Iterable[Line | OversizedLine]) -> Iterator[Piece]:
        """Read the next lines, as far as pieces of them are asked for: one line may hold many."""
        for line in lines:
            for entry in parse_line(line, self._decode):
                found = entry if isinstance(entry, BadLine) else self._records.read(entry)
                if isinstance(found, BadLine):
                    if (told := self._bad.bad(found)) is not None:
                        yield told
                    continue
                if (run := self._bad.good()) is not None:
                    yield run
                if found is not None and (cut := self._cutter.add(found)) is not None:
                    yield cut

    def finish(self) -> list[Piece]:
        """Return the last run, if there is one, and the last batch; there are no more lines."""
        run = self._bad.finish()
        return [self._cutter.finish()] if run is None else [run, self._cutter.finish()]
