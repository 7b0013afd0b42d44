"""The replicas of a service that share a folder of state: who lives, and what each works on.

Each has a file of its own in a folder, which it keeps locked while it lives, and writes into it
what it owns and what it waits for. The operating system releases the lock when its holder dies in
any way, so who is gone is seen at the next look. What is written there is only told: an owner is
who has locked a collection's own folder.
"""

import json
import os
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import IO, Any

from shared.locking import take_lock
from shared.shares import Replica

REPLICAS = "replicas"
"""The folder of their notes, beside what they share."""
SUFFIX = ".json"
AWAKE_FOR = 10
"""So many looks of ours a note of another may be the same before it counts as stopped."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What another replica has told last."""

    told: int
    """How often it had told until then."""
    since: int
    """For how many looks of ours that is so."""
    replica: Replica


class Replicas:
    """The notes of a folder, of which one is ours; for one thread at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: IO[bytes] | None = None
        self._number = -1
        self._told = 0
        self._last: tuple[frozenset[str], frozenset[str]] | None = None
        self._seen: dict[int, Seen] = {}

    @property
    def place(self) -> int:
        """How many of the others come before this one."""
        return sum(number < self._number for number in self._seen)

    def look(self) -> list[Replica]:
        """Return the others that live; from the first look on, others see this one.

        Raises:
            Unfit: The file system locks no files.
            OSError: The folder cannot be read or written.
        """
        if self._file is None:
            self._join()
        numbers = {int(one.stem) for one in self._folder.glob(f"[0-9]*{SUFFIX}")} - {self._number}
        seen = {number: self._read(number) for number in sorted(numbers)}
        self._seen = {number: one for number, one in seen.items() if one is not None}
        return [
            replace(one.replica, is_awake=one.since < AWAKE_FOR) for one in self._seen.values()
        ]

    def tell(self, owns: Collection[str], waits: Collection[str]) -> None:
        """Write down what this one has; while it is alone, only what is new.

        Raises:
            OSError: It cannot be written.
        """
        now = frozenset(owns), frozenset(waits)
        if self._file is None or (now == self._last and not self._seen):
            return
        self._told += 1
        note = {"told": self._told, "owns": sorted(now[0]), "waits": sorted(now[1])}
        data = json.dumps(note).encode()
        os.pwrite(self._file.fileno(), data, 0)
        os.ftruncate(self._file.fileno(), len(data))
        self._last = now

    def close(self) -> None:
        """Be gone for the others."""
        file, self._file, self._last, self._seen = self._file, None, None, {}
        if file is not None:
            with suppress(OSError), file:
                file.truncate(0)

    def _join(self) -> None:
        """Lock the first file that nobody has; what is in it was of one that is gone."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for number in count():
            file = os.fdopen(os.open(self._path(number), os.O_RDWR | os.O_CREAT, 0o666), "r+b")
            try:
                is_ours = take_lock(file, self._folder)
            except BaseException:
                file.close()
                raise
            if is_ours:
                self._file, self._number = file, number
                os.ftruncate(file.fileno(), 0)
                return
            file.close()

    def _read(self, number: int) -> Seen | None:
        """Read the note of another; none if it is gone."""
        before = self._seen.get(number)
        with self._path(number).open("ab+") as file:
            if take_lock(file, self._folder, is_shared=True):
                file.truncate(0)  # it may name what is deleted since
                return None
            file.seek(0)
            told = _parsed(file.read())
        if told is None:  # it is being written
            told = (0, Replica()) if before is None else (before.told, before.replica)
        is_same = before is not None and before.told == told[0]
        return Seen(told[0], before.since + 1 if before and is_same else 0, told[1])

    def _path(self, number: int) -> Path:
        return self._folder / f"{number}{SUFFIX}"


def _parsed(data: bytes) -> tuple[int, Replica] | None:
    try:
        note: dict[str, Any] = json.loads(data)
        return int(note["told"]), Replica(frozenset(note["owns"]), frozenset(note["waits"]))
    except (ValueError, KeyError, TypeError):
        return None
