"""Half uploads as files of a folder, two for each: its bytes, and what is known of it.

Their names say whose they are: ``COLLECTION.WHO.ID.bytes`` and ``….json``. Who has one in hand has
locked its bytes, which the system takes back from whoever dies.
"""

import fcntl
import os
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO, TypeVar

from anyio import CapacityLimiter, current_time, sleep, to_thread

from services.gateway.adapters.half_upload_files import (
    BYTES,
    NEW,
    changed,
    missing,
    modified,
    read_upload,
    remove_upload,
    who,
    write_upload,
)
from services.gateway.domain.half_uploads import HalfUpload, KeptUpload, UploadKey
from services.gateway.ports.half_uploads import BusyUploadError, NoUploadError
from shared.blobs.local import INCOMING, explained
from shared.clock import Clock

RESUMABLE = f"{INCOMING}/resumable"
"""In the folder of the blobs."""
PIECE_BYTES = 1 << 20
"""So much is collected before a thread writes it."""
PATIENCE_S = 2.0
"""So long a request waits for another that has the upload: perhaps its client has just left it."""
POLL_S = 0.05
AT_ONCE = 16
"""Threads that write: disks get no faster by more."""
Result = TypeVar("Result")


class FolderHalfUploads:
    """Half uploads in a folder."""

    def __init__(self, folder: Path, keep: timedelta, clock: Clock) -> None:
        """Take the folder, how long something is kept after its last change, and the time."""
        self._folder = folder
        self._keep = keep
        self._clock = clock
        self._threads = CapacityLimiter(AT_ONCE)

    async def begin(self, facts: HalfUpload) -> KeptUpload:
        """See the port."""
        return await self._run(self._begin, facts)

    async def find(self, key: UploadKey) -> KeptUpload:
        """See the port."""
        return await self._run(self._synced, self._path(key))

    async def of(self, collection: str, by: str) -> Sequence[KeptUpload]:
        """See the port."""
        return await self._run(self._of, f"{collection}.{who(by)}.*{BYTES}")

    @asynccontextmanager
    async def opened(self, key: UploadKey) -> AsyncIterator["FolderOpenUpload"]:
        """See the port."""
        path, until_s = self._path(key), current_time() + PATIENCE_S
        while (taken := await self._run(self._locked, path)) is None:
            if current_time() > until_s:
                raise BusyUploadError("another request has this upload in hand: try again")
            await sleep(POLL_S)
        file, facts = taken
        with file:
            one = FolderOpenUpload(path, file, facts, self._threads)
            if facts.unsure_from is not None:  # whoever was to check it is gone
                await one.cut(facts.unsure_from)
                await one.note(replace(facts, unsure_from=None))
            yield one

    async def clean(self, now: datetime, gone: Collection[str] = ()) -> int:
        """See the port."""
        return await self._run(self._clean, now, frozenset(gone))

    async def _run(self, work: Callable[..., Result], *given: object) -> Result:
        return await to_thread.run_sync(work, *given, limiter=self._threads)

    def _path(self, key: UploadKey) -> Path:
        """Say where the bytes of an upload lie."""
        return self._folder / f"{key.collection}.{who(key.by)}.{key.id}{BYTES}"

    def _begin(self, facts: HalfUpload) -> KeptUpload:
        path = self._path(facts.key)
        with explained(self._folder):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.open("xb").close()
            write_upload(path, facts)
        return self._found(path)

    def _found(self, path: Path) -> KeptUpload:
        """Read one.

        Raises:
            NoUploadError: There is none, or it has expired.
        """
        with explained(self._folder), missing():
            facts, size = read_upload(path), path.stat().st_size
            expires_at = changed(path) + self._keep
        if expires_at < self._clock.now():
            raise NoUploadError("it has expired")
        if facts.taken is not None:
            size = facts.length
        elif facts.unsure_from is not None:
            size = min(size, facts.unsure_from)
        return KeptUpload(facts, size, expires_at)

    def _synced(self, path: Path) -> KeptUpload:
        """Read one, all of which survives a crash of the machine."""
        found = self._found(path)
        with explained(self._folder), missing(), path.open("rb") as file:
            os.fsync(file.fileno())
        return found

    def _of(self, pattern: str) -> Sequence[KeptUpload]:
        found = []
        with explained(self._folder):
            for path in self._folder.glob(pattern):
                with suppress(NoUploadError):
                    found.append(self._found(path))
        return sorted(found, key=lambda one: one.expires_at)

    def _locked(self, path: Path) -> tuple[BinaryIO, HalfUpload] | None:
        """Open one and lock it; nothing if another has it.

        Raises:
            NoUploadError: There is none.
        """
        self._found(path)
        with explained(self._folder), missing():
            file = path.open("r+b", buffering=0)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return file, read_upload(path)  # it may have been removed before it was locked
            except BlockingIOError:
                file.close()
                return None
            except BaseException:
                file.close()
                raise

    def _clean(self, now: datetime, gone: Collection[str]) -> int:
        count = 0
        with explained(self._folder):
            for path in self._folder.glob(f"*{BYTES}"):
                is_gone = path.name.partition(".")[0] in gone
                with suppress(FileNotFoundError):
                    if is_gone or changed(path) + self._keep < now:
                        count += self._remove_unlocked(path, None if is_gone else now)
            for path in self._folder.glob(f"*{NEW}"):
                with suppress(FileNotFoundError):
                    if modified(path) + self._keep < now:
                        path.unlink()
        return count

    def _remove_unlocked(self, path: Path, now: datetime | None) -> bool:
        """Remove one that nobody has in hand, if it has expired by a time; none: anyway."""
        with path.open("r+b") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            if now and changed(path) + self._keep >= now:  # somebody went on before it was locked
                return False
            remove_upload(path)
            return True


class FolderOpenUpload:
    """An upload whose bytes are locked."""

    def __init__(
        self, path: Path, file: BinaryIO, facts: HalfUpload, threads: CapacityLimiter
    ) -> None:
        self._path = path
        self._file = file
        self._facts = facts
        self._threads = threads
        self._size = os.fstat(file.fileno()).st_size
        self._held = bytearray()

    @property
    def facts(self) -> HalfUpload:
        """See the port."""
        return self._facts

    @property
    def offset(self) -> int:
        """See the port."""
        is_ended = self._facts.taken is not None
        return self._facts.length if is_ended else self._size + len(self._held)

    async def write(self, piece: bytes) -> None:
        """See the port."""
        self._held += piece
        if len(self._held) >= PIECE_BYTES:
            await self._run(self._flush)

    async def sync(self) -> None:
        """See the port."""
        await self._run(self._sync)

    async def cut(self, size: int) -> None:
        """See the port."""
        self._held = bytearray()
        await self._run(self._cut, size)

    async def note(self, facts: HalfUpload) -> None:
        """See the port."""
        await self._run(write_upload, self._path, facts)
        self._facts = facts

    async def pieces(self) -> AsyncIterator[bytes]:
        """See the port."""
        place = 0
        while piece := await self._run(os.pread, self._file.fileno(), PIECE_BYTES, place):
            place += len(piece)
            yield piece

    async def end(self, facts: HalfUpload) -> None:
        """See the port."""
        await self.note(facts)
        await self.cut(0)

    async def remove(self) -> None:
        """See the port."""
        await self._run(remove_upload, self._path)

    async def _run(self, work: Callable[..., Result], *given: object) -> Result:
        def carry_out() -> Result:
            with explained(self._path.parent):
                return work(*given)

        return await to_thread.run_sync(carry_out, limiter=self._threads)

    def _flush(self) -> None:
        left, self._held = memoryview(bytes(self._held)), bytearray()
        while left:
            written = os.pwrite(self._file.fileno(), left, self._size)
            self._size += written
            left = left[written:]

    def _sync(self) -> None:
        self._flush()
        os.fsync(self._file.fileno())

    def _cut(self, size: int) -> None:
        self._file.truncate(size)
        os.fsync(self._file.fileno())
        self._size = size
