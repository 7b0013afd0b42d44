"""Remembers which messages a process has in hand, to find out one that ends it.

A message whose handling ends the process (a crash in native code, a batch that takes all memory)
raises nothing that could be judged: it would be delivered again for ever. So every process has a
small file with a note of each message while that is handled. A note in a file whose process has
ended tells, when its message is delivered again, that it ended with it in hand. A delivery that
was given back, for an outage or at a graceful stop, has none; and one that a living process still
has, which the bus has not heard of for a while, is nobody's end.

A note is sixteen bytes at a place of their own, written over what was there: that costs
microseconds where a file each would cost a thread and hundreds of them.

Such a message is handled alone, since it may only have been in hand together with the culprit.
Files that cannot be written are done without: then nothing is remembered.
"""

import asyncio
import fcntl
import os
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from uuid import uuid4
from weakref import finalize

import structlog
from anyio import to_thread
from nats.aio.msg import Msg

KEPT_S = 7 * 86_400.0
"""A note this old is of a message that somebody else has handled."""
NOTE_BYTES = 16
NOTHING = bytes(NOTE_BYTES)
NEW_S = 60.0
"""A file this young may be about to be locked."""
NOTES_AT_FIRST = 256
"""The room that a process takes at once, so that a full disk is no trouble later."""
log = structlog.get_logger(__name__)


class PoisonGuard:
    """The notes of the messages that a service has in hand; replicas may share the folder."""

    def __init__(self, folder: Path | None) -> None:
        """Take the folder; None: remember nothing."""
        self._folder = folder
        self._alone = asyncio.Lock()
        self._own: _Notes | None = None
        self._is_clear = False

    @asynccontextmanager
    async def taken(self, raws: Sequence[Msg]) -> AsyncIterator[int]:
        """Have messages in hand for the time of the block, suspects one after the other.

        Yields:
            How many processes have ended while they had one of these messages in hand.
        """
        deaths = await self.deaths(raws)
        if not deaths:
            with self._noted(raws):
                yield deaths
            return
        async with self._alone:
            try:
                with self._noted(raws):
                    yield deaths
            finally:
                await to_thread.run_sync(self._acquit, raws)

    async def deaths(self, raws: Iterable[Msg]) -> int:
        """Return the most processes that have ended with one of these messages in hand."""
        again = [raw for raw in raws if raw.metadata.num_delivered > 1]
        return await to_thread.run_sync(self._count, again) if again and self._folder else 0

    def _count(self, raws: Iterable[Msg]) -> int:
        others = [set(_read(file)) for file in self._files_of_ended()]
        return max(sum(note_of(raw) in notes for notes in others) for raw in raws)

    def _acquit(self, raws: Iterable[Msg]) -> None:
        """Erase what those before have noted of messages that did not end this process."""
        known = {note_of(raw) for raw in raws}
        for file in self._files_of_ended():
            places = [place for place, note in enumerate(_read(file)) if note in known]
            try:
                with file.open("r+b", buffering=0) as opened:
                    for place in places:
                        os.pwrite(opened.fileno(), NOTHING, place * NOTE_BYTES)
            except OSError as error:
                log.warning("poison_guard.not_forgotten", error=str(error))

    @contextmanager
    def _noted(self, raws: Iterable[Msg]) -> Iterator[None]:
        own = self._own or self._prepare()
        places = own.write(map(note_of, raws)) if own else []
        try:
            yield
        finally:
            if own:
                own.erase(places)

    def _prepare(self) -> "_Notes | None":
        """Make the file of this process; a full disk may have room for it the next time."""
        if self._folder is None or not self._is_usable():
            return None
        try:
            self._own = _Notes(self._folder / uuid4().hex)
        except OSError as error:
            log.warning("poison_guard.not_noted", error=str(error))
        return self._own

    def _is_usable(self) -> bool:
        """Make the folder, and clear away the files that tell nothing any more, once."""
        if self._folder is None or self._is_clear:
            return self._folder is not None
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            for file in self._folder.iterdir():
                _clear(file)
        except OSError as error:
            log.warning("poison_guard.unavailable", folder=str(self._folder), error=str(error))
            self._folder = None
        self._is_clear = True
        return self._folder is not None

    def _files_of_ended(self) -> list[Path]:
        if self._folder is None:
            return []
        own = self._own.file if self._own else None
        try:
            others = [file for file in self._folder.iterdir() if file != own]
        except OSError:
            return []
        return [file for file in others if not _is_in_use(file)]


class _Notes:
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


def _read(file: Path) -> list[bytes]:
    """Return what is in each place of a file; nothing if it cannot be read."""
    try:
        found = file.read_bytes()
    except OSError:
        return []
    return [found[at : at + NOTE_BYTES] for at in range(0, len(found), NOTE_BYTES)]


def _is_in_use(file: Path) -> bool:
    """Tell whether its process lives; where files cannot be locked, it is taken to have ended."""
    try:
        with file.open("rb") as opened:
            fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: several may look at once
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _clear(file: Path) -> None:
    """Remove a file that nobody has open, if it is empty of notes or too old to be of interest."""
    age_s = time.time() - file.stat().st_mtime  # noqa: TID251  compared with the times of files
    if age_s < KEPT_S and (age_s < NEW_S or any(note != NOTHING for note in _read(file))):
        return
    try:
        with file.open("r+b") as opened:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            file.unlink(missing_ok=True)
    except OSError:  # a process lives that may write to it
        return
