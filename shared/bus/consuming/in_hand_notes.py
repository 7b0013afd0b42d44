"""The notes of what each process has in hand: a small file of each, that outlives it.

A note is sixteen bytes at a place of their own, written over what was there: that costs
microseconds where a file each would cost a thread and hundreds of them.
"""

import fcntl
import os
import time
from collections.abc import Collection, Iterable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from weakref import finalize

import structlog
from nats.aio.msg import Msg

KEPT_S = 7 * 86_400.0
"""A note this old is of a message that somebody else has handled."""
NOTE_BYTES = 16
NOTHING = bytes(NOTE_BYTES)
SOMETHING = bytes([255]) * NOTE_BYTES
"""In place of a note that was forgotten: those beside it were not alone for all that."""
NEW_S = 60.0
"""A file this young may be about to be locked."""
NOTES_AT_FIRST = 256
"""The room that a process takes at once, so that a full disk is no trouble later."""
log = structlog.get_logger(__name__)


class Notes:
    """The file of one process, open and locked for as long as the process lives."""

    def __init__(self, file: Path) -> None:
        """Make it, with room for some notes.

        Raises:
            OSError: It cannot be made.
        """
        self.file = file
        self._descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        finalize(self, os.close, self._descriptor)
        with suppress(OSError):  # where files cannot be locked, they are not cleared away
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            os.pwrite(self._descriptor, NOTHING * NOTES_AT_FIRST, 0)
        except OSError:
            file.unlink()
            raise
        self._free = list(range(0, NOTES_AT_FIRST * NOTE_BYTES, NOTE_BYTES))
        self._end = NOTES_AT_FIRST * NOTE_BYTES

    def write(self, notes: Iterable[bytes]) -> list[int]:
        """Write notes where nothing is, and return their places."""
        places = []
        try:
            for note in notes:
                places.append(self._place())
                os.pwrite(self._descriptor, note, places[-1])
        except OSError as error:
            log.warning("poison_guard.not_noted", error=str(error))
        return places

    def erase(self, places: Iterable[int]) -> None:
        """Erase the notes in these places."""
        for place in places:
            try:
                os.pwrite(self._descriptor, NOTHING, place)
            except OSError as error:
                log.warning("poison_guard.not_forgotten", error=str(error))
            self._free.append(place)

    def _place(self) -> int:
        if self._free:
            return self._free.pop()
        self._end += NOTE_BYTES
        return self._end - NOTE_BYTES


def note_of(raw: Msg) -> bytes:
    """Return what is noted of a message."""
    facts = raw.metadata
    # The time is part of the place: a stream that was deleted counts from 1 again.
    place = (facts.stream, facts.consumer, facts.sequence.stream, facts.timestamp)
    return sha256(repr(place).encode()).digest()[:NOTE_BYTES]


def read_notes(file: Path) -> list[bytes]:
    """Return what is in each place of a file; nothing if it cannot be read."""
    try:
        found = file.read_bytes()
    except OSError:
        return []
    return [found[at : at + NOTE_BYTES] for at in range(0, len(found), NOTE_BYTES)]


def forget(file: Path, known: Collection[bytes]) -> None:
    """Make notes in the file of a process that has ended unknown."""
    places = [place for place, note in enumerate(read_notes(file)) if note in known]
    try:
        with file.open("r+b", buffering=0) as opened:
            for place in places:
                os.pwrite(opened.fileno(), SOMETHING, place * NOTE_BYTES)
    except OSError as error:
        log.warning("poison_guard.not_forgotten", error=str(error))


def is_in_use(file: Path) -> bool:
    """Tell whether its process lives; where files cannot be locked, it is taken to have ended."""
    try:
        with file.open("rb") as opened:
            fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: several may look at once
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def clear_away(file: Path) -> None:
    """Remove a file that nobody has open, if it is empty of notes or too old to be of interest."""
    age_s = time.time() - file.stat().st_mtime  # noqa: TID251  compared with the times of files
    if age_s < KEPT_S and (age_s < NEW_S or set(read_notes(file)) - {NOTHING, SOMETHING}):
        return
    try:
        with file.open("r+b") as opened:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            file.unlink(missing_ok=True)
    except OSError:  # a process lives that may write to it
        return
