"""Reads text and Markdown: a record is a paragraph, with the headings that it stands under."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Final

from shared.readers.encodings import find_encoding
from shared.readers.lines import Numbered, lines_of, warn_of, without_end
from shared.readers.parts import Fact, Part, Recognised, Row, Table, Warnings
from shared.readers.told import Told

LONGEST: Final = 8000
"""Characters: a longer paragraph becomes several records, between lines."""
HEADING: Final = re.compile(r" {0,3}(#{1,6})[ \t]+(.*?)[ \t#]*")
FENCE: Final = re.compile(r" {0,3}(```+|~~~+)")


@dataclass(slots=True)
class Paragraphs:
    """Puts lines together until one is blank."""

    is_markdown: bool
    headings: dict[int, str] = field(default_factory=dict)
    fence: str = ""
    _held: list[str] = field(default_factory=list)
    _begin: int = 0
    _size: int = 0

    def of(self, lines: Iterable[Numbered]) -> Iterator[Row]:
        """Find the paragraphs; a block of code is one, blank lines included."""
        for number, raw in lines:
            line = without_end(raw)
            if self.is_markdown and self._take_mark(line):
                yield from self._flush()
                self._set_heading(line)
                continue
            if (not line.strip() and not self.fence) or self._size + len(line) > LONGEST:
                yield from self._flush()
            if line.strip() or self._held:
                self._begin = self._begin or number
                self._held.append(line)
                self._size += len(line) + 1
        yield from self._flush()

    def _take_mark(self, line: str) -> bool:
        """Note where code begins and ends; tell whether a line is a heading."""
        if (mark := FENCE.match(line)) is not None:
            if not self.fence:
                self.fence = mark[1]
            elif mark[1].startswith(self.fence):
                self.fence = ""
        return not self.fence and HEADING.fullmatch(line) is not None

    def _set_heading(self, line: str) -> None:
        found = HEADING.fullmatch(line)
        if found is None:
            return
        depth = len(found[1])
        self.headings = {one: text for one, text in self.headings.items() if one < depth}
        self.headings[depth] = found[2].strip()

    def _flush(self) -> Iterator[Row]:
        text = "\n".join(self._held).strip("\n")
        if text.strip():
            heading = " / ".join(self.headings[one] for one in sorted(self.headings))
            yield Row(self._begin, (heading, text) if self.is_markdown else (text,))
        self._held, self._begin, self._size = [], 0, 0


def read_prose(file: BinaryIO, kind: str, why: str, told: Told) -> Iterator[Part]:
    """Read a text, or Markdown."""
    encoding = find_encoding(file, told.encoding)
    warnings = Warnings()
    warn_of(encoding, warnings)
    yield Recognised(kind, why, (Fact("encoding", encoding.codec, encoding.why),))
    is_markdown = kind == "markdown"
    yield Table(("heading", "text") if is_markdown else ("text",))
    paragraphs = Paragraphs(is_markdown=is_markdown)
    yield from paragraphs.of(lines_of(file, encoding, warnings))
    yield from warnings.parts()
