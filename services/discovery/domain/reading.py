"""Turns what a format finds in one source into batches of records and bad lines."""

from collections.abc import Iterable, Iterator

from services.discovery.domain.batching import Cut, Cutter, Limits
from services.discovery.domain.entries import BadLine, Part
from services.discovery.domain.records import Numbering
from services.discovery.domain.runs import BadRun, Gatherer

Piece = Cut | BadLine | BadRun


class SourceReader:
    """Reads one source.

    Batches come out in file order and so do bad lines, each as soon as it is known; a bad line
    does not wait for the batch that is being filled. When there were many, runs of them come.
    """

    def __init__(self, filename: str, limits: Limits, *, version: int = 1) -> None:
        self._numbering = Numbering(filename)
        self._cutter = Cutter(limits)
        self._bad = Gatherer(version)

    def read(self, entries: Iterable[Part | None]) -> Iterator[Piece | None]:
        """Read all of it, as far as pieces are asked for: one line may hold many.

        Yields:
            Pieces, the last batch at the end; and None wherever the format has a rest.
        """
        for found in entries:
            if found is None:
                yield None
            else:
                yield from self._take(found)
        if (run := self._bad.finish()) is not None:
            yield run
        yield self._cutter.finish()

    def _take(self, found: Part) -> Iterator[Piece]:
        if isinstance(found, BadLine):
            if (told := self._bad.bad(found)) is not None:
                yield told
            return
        if (run := self._bad.good()) is not None:
            yield run
        record = self._numbering.record(found)
        if record is not None and (cut := self._cutter.add(record)) is not None:
            yield cut
