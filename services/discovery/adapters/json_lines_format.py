"""Files of JSON objects, one a line; what an object says, another module knows."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import orjson

from services.discovery.domain import agent_runs, plain_objects
from services.discovery.domain.completeness import CompleteWhen, WhyIncomplete, why_incomplete
from services.discovery.domain.encodings import (
    ALIGNMENT,
    EVIDENCE_BYTES,
    UTF_8,
    Encoding,
    detect,
)
from services.discovery.domain.entries import BadLine, Draft, Entry, Part
from services.discovery.domain.json_values import JsonObject, parse_line
from services.discovery.domain.lines import Line, LineSplitter, OversizedLine
from services.discovery.ports import Content, SourceUnreadableError

AGENT_RUNS = "agent-runs 1"
"""Another number has sources read anew that are not read to their end: it is for a reader that
makes other records, or cuts them elsewhere."""
JSONL = "jsonl 1"
"""As above; the field with the text follows."""
MAX_LINE_BYTES = 64 << 20
BLOCK_BYTES = 1 << 20
LINES_AT_ONCE = 4096
"""A block may hold half a million lines of rubbish."""
TAIL_BYTES = 64 << 10
LONGEST_STEP = 4 << 20
DraftOf = Callable[[dict[str, Any]], Draft | str | None]
"""What there is to map of an object; None: nothing; or why nothing can be made of it."""


class JsonLinesFormat:
    """Reads the objects of a file's lines, whatever the file's encoding."""

    def __init__(
        self,
        name: str,
        draft_of: DraftOf,
        *,
        max_line_bytes: int = MAX_LINE_BYTES,
        complete_when: CompleteWhen = "final_answer",
    ) -> None:
        """Take what to make of it.

        Args:
            name: What it is, and of which version.
            draft_of: What an object says.
            max_line_bytes: A longer line is not held in memory.
            complete_when: Whether the last line says that a content is complete, and how.
        """
        self._name = name
        self._draft_of = draft_of
        self._complete_when = complete_when
        self._max_line_bytes = max_line_bytes

    @property
    def name(self) -> str:
        """See SourceFormat."""
        return self._name

    @property
    def max_line_bytes(self) -> int:
        """See SourceFormat."""
        return self._max_line_bytes

    def limited(self, max_line_bytes: int) -> "JsonLinesFormat":
        """See SourceFormat."""
        return JsonLinesFormat(
            self._name,
            self._draft_of,
            max_line_bytes=max_line_bytes,
            complete_when=self._complete_when,
        )

    def parts_at(self, content: Content, position: int) -> bool:
        """See SourceFormat."""
        if not EVIDENCE_BYTES <= position < content.size:
            return False
        ends = content.read_at(position - 1, 1)
        rest = min(EVIDENCE_BYTES, content.size - position)
        begins = content.read_at(0, EVIDENCE_BYTES), content.read_at(position, rest)
        return ends == b"\n" and all(
            not part.startswith(b"\0") and detect(part) == UTF_8 for part in begins
        )

    def why_incomplete(self, content: Content) -> WhyIncomplete | None:
        """See SourceFormat."""
        if self._complete_when not in ("final_answer", "any_line"):
            return None
        last = _last_line(content, self._max_line_bytes)
        needs_answer = self._complete_when == "final_answer"
        return why_incomplete(last, orjson.loads, needs_answer=needs_answer)

    def read(self, content: Content) -> Iterator[Part | None]:
        """See SourceFormat."""
        splitter = LineSplitter(self._max_line_bytes)
        while block := content.read(BLOCK_BYTES):
            yield from self._entries(splitter.feed(block))
            yield None
        yield from self._entries(splitter.finish())

    def _entries(self, lines: Iterable[Line | OversizedLine]) -> Iterator[Part | None]:
        for number, line in enumerate(lines, 1):
            for found in parse_line(line, orjson.loads):
                yield self._entry(found)
            if number % LINES_AT_ONCE == 0:
                yield None

    def _entry(self, found: JsonObject | BadLine) -> Part:
        if isinstance(found, BadLine):
            return found
        draft = self._draft_of(found.value)
        if isinstance(draft, str):
            return found.refuse(draft)
        return Entry(found.line, found.position, found.byte_offset, len(found.data), draft)


def agent_run_format(
    max_line_bytes: int = MAX_LINE_BYTES, complete_when: CompleteWhen = "final_answer"
) -> JsonLinesFormat:
    """Return the format of agent-run logs; see ``JsonLinesFormat``."""
    return JsonLinesFormat(
        AGENT_RUNS, agent_runs.draft_of, max_line_bytes=max_line_bytes, complete_when=complete_when
    )


def text_format(
    text_field: str,
    max_line_bytes: int = MAX_LINE_BYTES,
    complete_when: CompleteWhen = "final_answer",
) -> JsonLinesFormat:
    """Return the format of any objects with a text in this field; see ``JsonLinesFormat``."""
    return JsonLinesFormat(
        f"{JSONL} {text_field}",
        partial(plain_objects.draft_of, text_field=text_field),
        max_line_bytes=max_line_bytes,
        complete_when=complete_when,
    )


def _last_line(content: Content, max_line_bytes: int) -> Line | None:
    """Read the last line that is not blank, from the end and no more than needed.

    Returns:
        None if there is none.

    Raises:
        SourceUnreadableError: It cannot be read, or the line is too long.
    """
    encoding = _find_encoding(content)
    line, is_whole, step = b"", False, TAIL_BYTES
    end = content.size - content.size % encoding.width
    while end > 0 and len(line) <= max_line_bytes and not is_whole:
        start = max(0, end - step)
        start -= start % encoding.width
        line, is_whole = encoding.last_line(content.read_at(start, end - start) + line)
        end, step = start, min(2 * step, max(LONGEST_STEP, len(line)))
    if len(line) > max_line_bytes:
        raise SourceUnreadableError(
            f"{content.name}: its last line is longer than {max_line_bytes} bytes, so its end "
            "cannot be judged; raise ingestion.max_line_bytes"
        )
    return Line(1, end, line, encoding) if line else None


def _find_encoding(content: Content) -> Encoding:
    """Look at the first bytes that are no NULs; a hole before them is passed over."""
    start = content.first_data()
    start -= start % ALIGNMENT
    while start < content.size:
        piece = content.read_at(start, min(TAIL_BYTES, content.size - start))
        nuls = len(piece) - len(piece.lstrip(b"\0"))
        if nuls < len(piece):
            at = start + nuls - nuls % ALIGNMENT
            return detect(content.read_at(at, min(EVIDENCE_BYTES, content.size - at)))
        start += len(piece)
    return UTF_8
