"""Turns what a format finds in one source into batches of records and bad lines."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from services.discovery.domain.batching import Cut, Cutter, Limits
from services.discovery.domain.entries import BadLine, Part
from services.discovery.domain.records import Numbering
from services.discovery.domain.runs import BadRun, Gatherer
from services.discovery.domain.segments import BEGINNING, Mark

Piece = Cut | BadLine | BadRun


class SourceReader:
    """Reads one source.

    Batches come out in file order and so do bad lines, each as soon as it is known; a bad line
    does not wait for the batch that is being filled. When there were many, runs of them come.
    """

    def __init__(
        self, filename: str, limits: Limits, *, version: int = 1, start: Mark = BEGINNING
    ) -> None:
        """Take what to read by.

        Args:
            filename: The source.
            limits: Of a batch.
            version: How often the source has changed: late ones have fewer letters.
            start: What was read before; the entries count lines and bytes from there.
        """
        self._start = start
        self._numbering = Numbering(filename, start.counts)
        self._cutter = Cutter(limits, start.batches)
        self._bad = Gatherer(version)

    def end(self, lines: int, size: int) -> Mark:
        """Return where the reading has ended.

        Args:
            lines: How many lines were read.
            size: And how many bytes.
        """
        start, batches = self._start, self._cutter.index
        counts = self._numbering.counts
        return Mark(start.lines + lines, start.byte_offset + size, batches, counts)

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

    def _take(self, part: Part) -> Iterator[Piece]:
        found = self._placed(part)
        if isinstance(found, BadLine):
            if (told := self._bad.bad(found)) is not None:
                yield told
            return
        if (run := self._bad.good()) is not None:
            yield run
        record = self._numbering.record(found)
        if record is not None and (cut := self._cutter.add(record)) is not None:
            yield cut

    def _placed(self, part: Part) -> Part:
        """Say where in the whole source it stands."""
        start = self._start
        if not start.byte_offset:
            return part
        line, byte_offset = start.lines + part.line, start.byte_offset + part.byte_offset
        return replace(part, line=line, byte_offset=byte_offset)
