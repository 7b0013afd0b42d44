"""The sources that events are done to, and what each may have come to.

What a command and a change of the file that came within seconds of it amount to depends on which
of them the system met first; then each outcome is allowed that some order gives, and no other.
"""

import json
import random
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.oracle import Content, read_log

RECORDS = 48
MANY = 520
"""Records of more batches than the streams hold."""
LIMITS = (2_048, 1 << 20)
"""Of the length of a line; between them lies the one long line of each source."""
LONG = 3_000
BAD_LINE = '{"type": "iteration", "response": no JSON at all\n'


@dataclass(slots=True)
class Subject:
    """A source in a folder."""

    folder: Path
    name: str
    contents: list[bytes] = field(default_factory=list)
    """All that the file ever held, the newest last."""
    files: list[int] = field(default_factory=list)
    """Which file each content was in: one that is put in its place is another one."""
    is_there: bool = True
    may_be_forgotten: bool = False
    is_limit_open: bool = False
    """Whether it was perhaps read under another limit than the present one."""
    moved_to: "Subject | None" = None
    """What has its last file now, unless that has got another one since."""

    @property
    def file(self) -> Path:
        return self.folder / self.name

    def put(self, data: bytes) -> None:
        """Replace the file as a whole."""
        beside = self.file.with_suffix(".part")
        beside.write_bytes(data)
        beside.rename(self.file)
        self.contents.append(data)
        self.files.append(self.files[-1] + 1 if self.files else 0)
        self.is_there = True

    def append(self, data: bytes) -> None:
        with self.file.open("ab") as opened:
            opened.write(data)
        self.contents.append(self.contents[-1] + data)
        self.files.append(self.files[-1])

    def allowed(self, limit: int) -> list[Content]:
        """Return what may be stored of it at rest, the likeliest last."""
        newest = self.newest(limit)
        if self.is_there and not self.may_be_forgotten:
            return newest
        absent = [Content()]
        if self.is_there:
            return absent + newest
        # What is gone is kept as it was when it was last read. What was moved is not kept, or its
        # records would be there twice.
        return absent + self.every_content(limit, without=self._moved_file())

    def _moved_file(self) -> int | None:
        """Return which of its files has another name, of all those that it ever had."""
        now, last = self.moved_to, self.files[-1]
        # One that was gone or replaced at once was perhaps never seen under its new name.
        return last if now and now.is_there and now.files[-1] == last else None

    def newest(self, limit: int) -> list[Content]:
        """Return what the file said last, under each limit that it may be read with."""
        limits = [*(one for one in LIMITS if one != limit and self.is_limit_open), limit]
        return [read_log(self.contents[-1], self.name, one) for one in limits]

    def every_content(self, limit: int, *, without: int | None = None) -> list[Content]:
        """Return all that it ever held, read under every limit that it was perhaps read with.

        Args:
            limit: The present one.
            without: But for what was in this file.
        """
        limits = LIMITS if self.is_limit_open else (limit,)
        held = zip(self.contents, self.files, strict=True)
        kept = [data for data, file in held if file != without]
        return [read_log(data, self.name, one) for data in kept for one in limits]


class Subjects:
    """Writes sources and changes them."""

    def __init__(self, roots: dict[str, Path], seed: int) -> None:
        self.roots = roots
        """Collection to folder."""
        self.all: dict[tuple[str, str], Subject] = {}
        """By collection and name."""
        self._dice = random.Random(f"subjects {seed}")
        self._count = 0
        for folder in roots.values():
            folder.mkdir(parents=True, exist_ok=True)

    def begin(
        self, stem: str, records: int = RECORDS, *, is_slow: bool = True, mark: int | None = None
    ) -> Subject:
        """Write a new source of the first collection, with a mark in its texts if one is given."""
        self._count += 1
        name = f"{stem}-{self._count:05d}.jsonl"
        subject = Subject(self.roots["default"], name)
        self.all["default", name] = subject
        text = self.text(name, records, is_slow=is_slow)
        if mark is not None:
            text = text.replace(b"agent", f"agent MARKED-{mark}".encode())
        subject.put(text)
        return subject

    def twin(self, subject: Subject) -> None:
        """Write a source of the same name in another collection, or change it there."""
        key = ("other", subject.name)
        twin = self.all.setdefault(key, Subject(self.roots["other"], subject.name))
        twin.put(self.text(subject.name, 5, is_slow=False))

    def move(self, subject: Subject) -> None:
        """Give the file another name; the subject goes on under it, the old name is gone."""
        self._count += 1
        gone = Subject(
            subject.folder,
            subject.name,
            list(subject.contents),
            list(subject.files),
            is_there=False,
            moved_to=subject if subject.is_there else None,
        )
        gone.may_be_forgotten, gone.is_limit_open = subject.may_be_forgotten, True
        self.all["default", gone.name] = gone
        old = subject.file
        subject.name = f"moved-{self._count:05d}.jsonl"
        subject.may_be_forgotten = False
        self.all["default", subject.name] = subject
        if subject.is_there:
            old.rename(subject.file)
        else:
            subject.put(subject.contents[-1])

    def text(self, name: str, records: int, *, is_slow: bool) -> bytes:
        """Return a log of so many records: one long line, one bad one, one that none embeds."""
        return "".join(self._lines(name, records, is_slow=is_slow)).encode()

    def more(self, name: str) -> bytes:
        return "".join(self._lines(name, 3, is_slow=True)[1:]).encode()

    def _lines(self, name: str, records: int, *, is_slow: bool) -> list[str]:
        start = self._dice.randint(1, 10**6)
        lines = []
        for number in range(records):
            word = "SLOWLY " if is_slow else ""
            text = f"{word}agent {number % 7} at step {number} of {name}: {self._dice.random()}"
            entry = {
                "type": "iteration",
                "iteration": start + number // 2,
                "timestamp": f"2026-01-01T00:{number % 60:02d}:00",
                "response": text,
            }
            if number == 0:
                entry |= {"type": "initial_prompt", "prompt": text}
            if number == records - 1:
                entry["final_answer"] = "done"
            lines.append(json.dumps(entry) + "\n")
        if records >= RECORDS:
            lines[3] = lines[3].replace("agent", "L" * LONG)
            lines[5] = lines[5].replace("agent", "POISON")
            lines.insert(7, BAD_LINE)
        return lines

    def of(self, collection: str) -> list[Subject]:
        """Return the sources of a collection; others may come meanwhile."""
        return [one for (where, _), one in list(self.all.items()) if where == collection]
