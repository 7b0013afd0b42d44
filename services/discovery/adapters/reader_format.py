"""Files of any kind: tables record by record, logs of agents step by step, runs as ever.

What a file is, its content tells. All but run logs are read by a process of their own.
"""

import json
import re
import tempfile
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, BinaryIO

import structlog

from services.discovery.adapters.json_lines_format import JsonLinesFormat
from services.discovery.domain.agent_runs import ATTRIBUTE_CHARACTERS, without_surrogates
from services.discovery.domain.completeness import WhyIncomplete
from services.discovery.domain.entries import BadLine, Draft, Entry, Part
from services.discovery.domain.preferences import Chosen
from services.discovery.domain.timestamps import parse_timestamp
from services.discovery.ports import Content, SourceUnreadableError
from shared.readers.errors import UnreadableFileError
from shared.readers.in_process import read_in_process
from shared.readers.parts import BadRow, Recognised, Row, Table, Warned
from shared.readers.told import Told

log = structlog.get_logger(__name__)
FILES = "files 1"
"""As AGENT_RUNS: another number reads anew; the columns with the text follow."""
BLOCK_BYTES = 1 << 20
HEAD_BYTES = 64 << 10
ENTRIES_AT_ONCE = 1024
ALL_CHARACTERS = 4 * ATTRIBUTE_CHARACTERS
RECORD = "record"
TIMES = ("timestamp", "created_at", "created", "datetime", "date", "time")
"""What columns with the time of a row are called, the surest first."""
UNTOLD = Told()
BY_LINE = ("csv", "jsonl", "text", "markdown", "agent-run")
"""Formats whose numbers are those of lines."""
_RUN = re.compile(
    rb'^\s*\{[^\n]*?"type"\s*:\s*"(?:metadata|iteration|initial_prompt)"', re.MULTILINE
)
_MAX_INT32 = 2**31 - 1


class ReaderFormat:
    """Reads what the readers know, and logs of runs by their own format."""

    def __init__(
        self,
        runs: JsonLinesFormat,
        text_columns: Sequence[str] = (),
        context_columns: Sequence[str] | None = None,
        told: Told = UNTOLD,
        *,
        are_preferred: bool = False,
    ) -> None:
        """Take what to make of it.

        Args:
            runs: Reads the logs of runs that are found among the files.
            text_columns: The columns that make the text of a record; none: all of them.
            context_columns: The columns that are kept as attributes; None: all that make no text.
            told: What is known of the file, whatever it looks like.
            are_preferred: Whether they were chosen for a whole collection: of a table, those are
                taken that it has.
        """
        self._runs = runs
        context = None if context_columns is None else tuple(context_columns)
        self._chosen = Chosen(tuple(text_columns), context)
        self._are_preferred = are_preferred
        self._told = told

    @property
    def name(self) -> str:
        """See SourceFormat."""
        text, context = self._chosen.text, self._chosen.context
        kept = [] if context is None else [f"; {json.dumps(context)}"]
        known = [f"; {self._told.format}"] if self._told.format else []
        there = ["; where there"] if self._are_preferred else []
        return " ".join([f"{FILES}; {self._runs.name};", *text, *kept, *known, *there])

    @property
    def max_line_bytes(self) -> int:
        """See SourceFormat."""
        return self._runs.max_line_bytes

    def limited(self, max_line_bytes: int) -> "ReaderFormat":
        """See SourceFormat."""
        runs = self._runs.limited(max_line_bytes)
        chosen, are_preferred = self._chosen, self._are_preferred
        return ReaderFormat(
            runs, chosen.text, chosen.context, self._told, are_preferred=are_preferred
        )

    def parts_at(self, content: Content, position: int) -> bool:
        """See SourceFormat: only of a log of a run the end can be read alone."""
        return self._is_run_log(content) and self._runs.parts_at(content, position)

    def why_incomplete(self, content: Content) -> WhyIncomplete | None:
        """See SourceFormat: of other files nothing tells, so that they count as complete."""
        if not content.size:
            return "empty"
        return self._runs.why_incomplete(content) if self._is_run_log(content) else None

    def read(self, content: Content) -> Iterator[Part | None]:
        """See SourceFormat; a file that its reader refuses is a source that cannot be read."""
        if self._is_run_log(content):
            yield from self._runs.read(content)
            return
        try:
            with tempfile.TemporaryFile() as copy:
                places = Places()
                while block := content.read(BLOCK_BYTES):
                    places.take(block)
                    copy.write(block)
                    yield None
                copy.flush()
                yield from self._parts(content.name, copy, places)
        except UnreadableFileError as error:
            raise SourceUnreadableError(f"{content.name}: {error}") from error
        except OSError as error:
            raise SourceUnreadableError(
                f"{content.name}: cannot be copied for its reader: {error.strerror}; "
                "see that TMPDIR has room"
            ) from error

    def _is_run_log(self, content: Content) -> bool:
        return self._told.format is None and is_run_log(content)

    def _parts(self, name: str, copy: BinaryIO, places: "Places") -> Iterator[Part | None]:
        found = self._found(name, copy, places)
        if places.format == "agent-run":
            yield from sorted(found, key=lambda one: (one.byte_offset, one.position))
            return
        for number, one in enumerate(found, 1):
            yield one
            if number % ENTRIES_AT_ONCE == 0:
                yield None

    def _found(self, name: str, copy: BinaryIO, places: "Places") -> Iterator[Part]:
        parts = read_in_process(copy, name, self._told)
        first = next(parts)
        if isinstance(first, Recognised):
            places.format = first.format
        return self._made(name, parts, places)

    def _made(self, name: str, parts: Iterable[Any], places: "Places") -> Iterator[Part]:
        columns: tuple[str, ...] = ()
        chosen = self._chosen
        for part in parts:
            if isinstance(part, Table):
                columns = part.columns
                chosen = self._chosen_of(name, columns)
            elif isinstance(part, Row):
                cells = dict(zip(columns, part.cells, strict=True))
                is_step = places.format == "agent-run"
                draft = step_draft(cells) if is_step else record_draft(cells, chosen)
                yield places.entry(part.number, draft)
            elif isinstance(part, BadRow):
                yield places.bad(part)
            elif isinstance(part, Warned):
                log.warning(
                    "source.remarked", source=name, remark=part.text, count=part.count,
                    first=list(part.places),
                )  # fmt: skip

    def _chosen_of(self, name: str, columns: Sequence[str]) -> Chosen:
        """Return the columns that are taken of a table.

        Raises:
            SourceUnreadableError: One of them does not exist, and was chosen for this file.
        """
        if self._are_preferred:
            return self._chosen.there(columns)
        missing = [one for one in self._chosen.names if one not in columns]
        if missing:
            which = "text" if missing[0] in self._chosen.text else "context"
            raise SourceUnreadableError(
                f"{name}: has no column {missing[0]!r}; change {which}_columns, it has: "
                f"{', '.join(columns)[:ATTRIBUTE_CHARACTERS]}"
            )
        return self._chosen


@dataclass(slots=True)
class Places:
    """Where in a file the entries stand, as far as they stand in lines."""

    format: str = ""
    size: int = 0
    _ends: array = field(default_factory=lambda: array("Q"))
    _line: int = 0
    _position: int = 0
    _count: int = 0

    def take(self, block: bytes) -> None:
        """Look at the next bytes of the file."""
        at = block.find(b"\n")
        while at >= 0:
            self._ends.append(self.size + at + 1)
            at = block.find(b"\n", at + 1)
        self.size += len(block)

    def _next(self, line: int) -> tuple[int, int]:
        """Return which entry of its line it is, and where that is."""
        self._count += 1
        if self.format not in BY_LINE or line > len(self._ends) + 1:
            return 0, self._count - 1
        self._position = self._position + 1 if line == self._line else 0
        self._line = line
        begin = self._ends[line - 2] if line > 1 else 0
        return self._position, begin + self._position

    def entry(self, line: int, draft: Draft | None) -> Entry:
        """Make an entry of what begins in a line."""
        position, offset = self._next(line)
        return Entry(line, position, offset, 1, draft)

    def bad(self, row: BadRow) -> BadLine:
        """Make a bad line of what cannot be read."""
        position, offset = self._next(row.number)
        data = row.text.encode("utf-8", "replace")
        return BadLine(row.number, position, offset, row.reason, data, len(data))


def is_run_log(content: Content) -> bool:
    """Tell whether a content is a log of a run: a line of its beginning has the type of one."""
    return is_head_of_run(content.read_at(0, min(HEAD_BYTES, content.size)))


def is_head_of_run(head: bytes) -> bool:
    """Tell the same by the beginning alone."""
    found = _RUN.search(head)
    return found is not None and b'"sessionId"' not in found[0]


def record_draft(cells: dict[str, str], chosen: Chosen) -> Draft | None:
    """Make a record of a row of a table; one without a word is none."""
    if chosen.text:
        texts = [cells[one] for one in chosen.text]
        rest = {one: text for one, text in cells.items() if one not in chosen.text}
    else:
        is_one = len(cells) == 1
        texts = [
            text if is_one else f"{one}: {text}" for one, text in cells.items() if text.strip()
        ]
        rest = {} if is_one else cells
    if chosen.context is not None:
        rest = {one: cells[one] for one in chosen.context}
    is_all = not chosen.text or chosen.context is None
    kept = cells if is_all else {one: cells[one] for one in chosen.names}
    text = without_surrogates("\n".join(one for one in texts if one.strip()))
    return Draft(text, 0, RECORD, time_of(kept), written(rest)) if text.strip() else None


def time_of(cells: dict[str, str]) -> datetime | None:
    """Return when a row was made, if a column that is called so says a moment."""
    said = {name.strip().casefold(): text for name, text in cells.items()}
    moments = (parse_timestamp(said[name]) for name in TIMES if name in said)
    return next((one for one in moments if one is not None), None)


def step_draft(cells: dict[str, str]) -> Draft | None:
    """Make a record of a step of an agent; one without a word is none."""
    text = without_surrogates(cells["text"])
    if not text.strip():
        return None
    said: dict[str, Any] = {
        name: cells[name] for name in ("run", "tool", "outcome") if cells[name]
    }
    said["step"] = int(cells["step"])
    said |= json.loads(cells["attributes"] or "{}")
    return Draft(
        text,
        min(said["step"], _MAX_INT32),
        without_surrogates(cells["kind"]),
        parse_timestamp(cells["timestamp"]),
        written(said),
    )


def written(said: dict[str, Any]) -> str | None:
    """Write attributes as far as there is room; long ones are cut, and empty ones left out."""
    kept: dict[str, Any] = {}
    room = ALL_CHARACTERS
    for name, one in said.items():
        if one in ("", None):
            continue
        value = one[:ATTRIBUTE_CHARACTERS] if isinstance(one, str) else one
        size = len(json.dumps([name, value], ensure_ascii=False))
        if size <= room:
            room -= size
            kept[name] = value
    return without_surrogates(json.dumps(kept, ensure_ascii=False)) if kept else None
