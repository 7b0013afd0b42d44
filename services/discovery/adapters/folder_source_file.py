"""Reads one file, of which only the bytes count that a look has found: plain, blocking code."""

import hashlib
import os
import stat as modes
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from services.discovery.domain.sources import SourceStat, display_name
from services.discovery.ports import SourceChangedError, SourceUnreadableError, SourceVanishedError

BLOCK_BYTES = 1 << 20


class SourceFile:
    """The first bytes of a file, as many as a look has found, or those from a position on."""

    def __init__(self, stat: SourceStat, start: int = 0, at: str | None = None) -> None:
        """Take what a look has found.

        Args:
            stat: The source.
            start: How many bytes are left out: the content begins there.
            at: Where the file lies, if its path does not say that; nothing: nowhere any more.
        """
        self._stat = stat
        self._at = stat.path if at is None else at
        self._start = start
        self._position = 0
        self._newlines = 0
        self._digest = hashlib.sha256()
        self._fd: int | None = None

    @property
    def name(self) -> str:
        """See Content."""
        return display_name(self._stat.path)

    @property
    def size(self) -> int:
        """See Content."""
        return self._stat.size - self._start

    @property
    def newlines(self) -> int:
        """See Content."""
        return self._newlines

    @property
    def position(self) -> int:
        """How much ``read`` has given."""
        return self._position

    @property
    def is_at_end(self) -> bool:
        """Whether ``read`` has nothing more to give."""
        return self._position == self.size

    @property
    def digest(self) -> str:
        """The SHA-256 of what ``read`` has given, in hex."""
        return self._digest.hexdigest()

    def _open(self) -> int:
        """Open the file, if it is not yet.

        Raises:
            SourceUnreadableError: It cannot be opened, is no regular file, or lies where it must
                not.
        """
        if self._fd is None:
            with _explained(self._stat):
                # Opening a pipe would wait for its writer for ever, hence without blocking.
                self._fd = os.open(self._at, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
                is_regular = modes.S_ISREG(os.fstat(self._fd).st_mode)
            if not is_regular:
                raise SourceUnreadableError(f"{display_name(self._stat.path)} is no regular file")
            self._require_within(self._fd)
        return self._fd

    def read(self, size: int) -> bytes:
        """See Content."""
        at, left = self._start + self._position, self.size - self._position
        with _explained(self._stat):
            piece = os.pread(self._open(), min(size, left), at)
        if not piece and self._position < self.size:
            raise self._shorter()
        self._position += len(piece)
        self._newlines += piece.count(b"\n")
        self._digest.update(piece)
        return piece

    def read_at(self, position: int, size: int) -> bytes:
        """See Content."""
        with _explained(self._stat):
            piece = os.pread(self._open(), size, self._start + position)
        if len(piece) < size:
            raise self._shorter()
        return piece

    def first_data(self) -> int:
        """See Content."""
        with _explained(self._stat):
            fd = self._open()
        try:
            return os.lseek(fd, self._start, os.SEEK_DATA) - self._start
        except OSError:  # the system or this file system knows no holes, or there is nothing else
            return 0

    def verify(self, fingerprint: str) -> None:
        """See Content."""
        while self.read(BLOCK_BYTES):
            pass
        if self.digest != fingerprint:
            raise SourceChangedError(f"{self.name} was changed while it was read")

    def close(self) -> None:
        """Close the file, if it is open."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _require_within(self, fd: int) -> None:
        """Check where the open file lies; its path may lead elsewhere by now."""
        if self._stat.within is None:
            return
        try:
            real = str(Path(f"/proc/self/fd/{fd}").readlink())
        except OSError:  # no Linux
            real = os.path.realpath(self._stat.path)
        folder = os.path.realpath(self._stat.within)
        if not real.startswith(folder.rstrip(os.sep) + os.sep):
            raise SourceUnreadableError(
                f"{display_name(self._stat.path)} is reached by a link that leads out of "
                f"{display_name(self._stat.within)}; give links_may_leave: true to that entry of "
                "ingestion.sources, or list the file's own folder there"
            )

    def _shorter(self) -> SourceChangedError:
        size = self._stat.size
        return SourceChangedError(f"{self.name} is shorter than the {size} bytes it had")


@contextmanager
def _explained(stat: SourceStat) -> Generator[None]:
    name = display_name(stat.path)
    try:
        yield
    except FileNotFoundError as error:
        raise SourceVanishedError(f"{name} is not there any more; put it back") from error
    except PermissionError as error:
        raise SourceUnreadableError(
            f"{name} may not be read; make it readable for the user that runs discovery"
        ) from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise SourceUnreadableError(f"{name} cannot be read: {reason}; check the disk") from error
