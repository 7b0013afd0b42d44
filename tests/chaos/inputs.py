"""The sources of a run, and what they hold, read in the plainest way."""

import json
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

BAD_LINE = '{"type": "iteration", "response": no JSON at all'
POISON = "POISON"
LARGE = 150
"""Records of a source of more than one batch."""


@dataclass(slots=True)
class Held:
    """What one complete source holds."""

    texts: dict[str, str] = field(default_factory=dict)
    """Record id to text."""
    poisoned: set[str] = field(default_factory=set)
    """Ids of the records that no server can embed."""
    bad_lines: int = 0


def held_by(file: Path, name: str) -> Held | None:
    """Read a source; none if it is not complete."""
    lines = [line for line in file.read_text().split("\n") if line.strip()]
    if not lines or (_entry(lines[-1]) or {}).get("final_answer") is None:
        return None
    held, seen = Held(), dict[int, int]()
    for line in lines:
        entry = _entry(line)
        if entry is None:
            held.bad_lines += 1
            continue
        number = entry["iteration"]
        idx = seen.get(number, 0)
        seen[number] = idx + 1
        key = sha256(f"{name}:{number}:{idx}".encode()).hexdigest()
        held.texts[key] = entry["response"]
        if POISON in entry["response"]:
            held.poisoned.add(key)
    return held


def _entry(line: str) -> dict[str, Any] | None:
    try:
        return json.loads(line)
    except ValueError:
        return None


class Inputs:
    """A folder of sources that grows and changes."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.forgotten: set[str] = set()
        self.reembedded: str | None = None
        """The source of which a job was wanted last."""
        self._dice = random.Random(f"inputs {seed}")
        self._count = 0
        self._begun: list[str] = []
        self._before: dict[str, str] = {}
        """The content that a source had before it was changed."""
        self._touched: set[str] = set()
        """What is changed or forgotten since the last quiet point."""
        self._read: dict[str, tuple[object, Held | None]] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def is_quiet(self) -> None:
        """Take everything for settled."""
        self._touched.clear()

    def expected(self) -> dict[str, Held]:
        """Read every complete source that is not forgotten: filename to what it holds."""
        found = {file.name: self._held_by(file) for file in self.folder.glob("*.jsonl")}
        return {
            name: held
            for name, held in found.items()
            if held is not None and name not in self.forgotten
        }

    def _held_by(self, file: Path) -> Held | None:
        """Read a source, unless it is as it was when it was read last."""
        stat = file.stat()
        now = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        then, held = self._read.get(file.name, (None, None))
        if then != now:
            held = held_by(file, file.name)
            self._read[file.name] = (now, held)
        return held

    def begin_with(self, sources: int) -> None:
        """Write the first sources, some of them not complete yet."""
        for _ in range(sources):
            self.add()
            self._begin()

    def add(self, records: int = 0) -> str:
        """Write a new complete source."""
        name = self._new_name("run")
        self._put(name, self._lines(name, records or self._dice.randint(1, 4)))
        return name

    def apply(self, kind: str) -> str | None:
        """Do something to the sources; returns which one, or None if there is none to do it to."""
        if kind == "large":
            return self.add(LARGE)
        if kind in {"bad-lines", "poison", "begin"}:
            return getattr(self, f"_{kind.replace('-', '_')}")()
        if kind == "complete":
            return self._complete()
        if kind == "move":
            return self._move()
        name = self._any_settled()
        if name is not None:
            self._change(name, kind)
        return name

    def forget(self) -> str | None:
        """Choose a settled source to be forgotten, and expect it to be gone from now on."""
        name = self._any_settled(but=self.forgotten)
        if name is not None:
            self.forgotten.add(name)
        return name

    def reembed(self) -> str | None:
        """Choose a settled source to be embedded anew; nothing else is done to it meanwhile."""
        self.reembedded = self._any_settled(but=self.forgotten)
        return self.reembedded

    def _change(self, name: str, kind: str) -> None:
        file = self.folder / name
        content = file.read_text()
        if kind == "append":  # in place, not at once: it may be read in between
            lines = list(self._lines(name, 3))
            with file.open("a") as opened:
                for line in lines:
                    opened.write(line[: len(line) // 2])
                    opened.flush()
                    opened.write(line[len(line) // 2 :])
            self.forgotten.discard(name)
        elif kind == "touch":
            self._put(name, [content])
        else:
            back = self._before.get(name) if kind == "change-back" else None
            new = (
                back
                if back is not None
                else "".join(self._lines(name, LARGE if kind == "change-large" else 4))
            )
            self._before[name] = content
            self._put(name, [new])
            self.forgotten.discard(name)

    def _bad_lines(self) -> str:
        name = self._new_name("bad")
        lines = list(self._lines(name, 4))
        for _ in range(self._dice.randint(1, 3)):
            lines.insert(self._dice.randint(0, 3), BAD_LINE + "\n")
        self._put(name, lines)
        return name

    def _poison(self) -> str:
        name = self._new_name("poison")
        lines = list(self._lines(name, 5))
        position = self._dice.randint(0, 3)
        lines[position] = lines[position].replace("thinks", POISON)
        self._put(name, lines)
        return name

    def _begin(self) -> str:
        name = self._new_name("slow")
        self._put(name, list(self._lines(name, 3))[:2])
        self._begun.append(name)
        return name

    def _complete(self) -> str | None:
        if not self._begun:
            return None
        name = self._begun.pop(0)
        with (self.folder / name).open("a") as opened:
            opened.writelines(self._lines(name, 3))
        self._touched.add(name)
        return name

    def _move(self) -> str | None:
        """Give a source another name, one without dead letters: these keep the name they had."""
        plain = {file.name for file in self.folder.glob("run-*.jsonl")}
        others = {file.name for file in self.folder.glob("*.jsonl")} - plain
        name = self._any_settled(but=self.forgotten | others)
        if name is None:
            return None
        new = self._new_name("run")
        (self.folder / name).rename(self.folder / new)
        return new

    def _any_settled(self, but: Iterable[str] = ()) -> str | None:
        busy = self._touched.union(self._begun, but)
        names = sorted({file.name for file in self.folder.glob("*.jsonl")} - busy)
        if not names:
            return None
        name = self._dice.choice(names)
        self._touched.add(name)
        return name

    def _new_name(self, stem: str) -> str:
        self._count += 1
        name = f"{stem}-{self._count:05d}.jsonl"
        self._touched.add(name)
        return name

    def _lines(self, name: str, records: int) -> Iterator[str]:
        topic = self._dice.randint(0, 9)
        for number in range(records):
            word = self._dice.randint(0, 10**9)
            text = f"agent {topic} thinks about step {number} of {name} and then of {word}"
            entry: dict[str, Any] = {
                "type": "iteration",
                "iteration": number + 1,
                "timestamp": "2026-01-01T00:00:00",
                "response": text,
            }
            if number == records - 1:
                entry["final_answer"] = "done"
            yield json.dumps(entry) + "\n"

    def _put(self, name: str, lines: list[str] | Iterator[str]) -> None:
        beside = self.folder / f"{name}.part"
        beside.write_text("".join(lines))
        beside.rename(self.folder / name)
