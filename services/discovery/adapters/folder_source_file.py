"""Reads one file, of which only the bytes count that a look has found: plain, blocking code."""

import os
import stat as modes
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from services.discovery.domain.encodings import (
    ALIGNMENT,
    EVIDENCE_BYTES,
    UTF_8,
    Encoding,
    detect,
)
from services.discovery.domain.lines import Line
from services.discovery.domain.sources import SourceStat, display_name
from services.discovery.ports import SourceChangedError, SourceUnreadableError, SourceVanishedError

TAIL_BYTES = 64 << 10
LONGEST_STEP = 4 << 20


class SourceFile:
    """The first bytes of a file, as many as a look has found."""

    def __init__(self, stat: SourceStat) -> None:
        self._stat = stat
        self._left = stat.size
        self._fd: int | None = None

    def open(self) -> int:
        """Open the file, if it is not yet.

        Raises:
            SourceUnreadableError: It cannot be opened, is no regular file, or lies where it must
                not.
        """
        if self._fd is None:
            with _explained(self._stat):
                # Opening a pipe would wait for its writer for ever, hence without blocking.
                self._fd = os.open(self._stat.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
                is_regular = modes.S_ISREG(os.fstat(self._fd).st_mode)
            if not is_regular:
                raise SourceUnreadableError(f"{display_name(self._stat.path)} is no regular file")
            self._require_within(self._fd)
        return self._fd

    @property
    def is_at_end(self) -> bool:
        """Whether there is nothing more to read."""
        return self._left == 0

    def read(self, size: int) -> bytes:
        """Read the next bytes; none at the end.

        Raises:
            SourceUnreadableError: It cannot be read.
            SourceChangedError: It is shorter than it was.
        """
        with _explained(self._stat):
            piece = os.read(self.open(), min(size, self._left))
        if not piece and self._left:
            raise self._shorter()
        self._left -= len(piece)
        return piece

    def read_last_line(self, max_line_bytes: int) -> Line | None:
        """Read the last line that is not blank, from the end and no more than needed.

        Returns:
            None if there is none.

        Raises:
            SourceUnreadableError: It cannot be read, or the line is too long.
            SourceChangedError: It is shorter than it was.
        """
        encoding = self._find_encoding()
        line, is_whole, step = b"", False, TAIL_BYTES
        end = self._stat.size - self._stat.size % encoding.width
        while end > 0 and len(line) <= max_line_bytes and not is_whole:
            start = max(0, end - step)
            start -= start % encoding.width
            line, is_whole = encoding.last_line(self._read_at(start, end - start) + line)
            end, step = start, min(2 * step, max(LONGEST_STEP, len(line)))
        if len(line) > max_line_bytes:
            raise SourceUnreadableError(
                f"{display_name(self._stat.path)}: its last line is longer than {max_line_bytes} "
                "bytes, so its end cannot be judged; raise ingestion.max_line_bytes"
            )
        return Line(1, end, line, encoding) if line else None

    def close(self) -> None:
        """Close the file, if it is open."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _find_encoding(self) -> Encoding:
        """Look at the first bytes that are no NULs; a hole before them is passed over."""
        start = self._first_data()
        while start < self._stat.size:
            piece = self._read_at(start, min(TAIL_BYTES, self._stat.size - start))
            nuls = len(piece) - len(piece.lstrip(b"\0"))
            if nuls < len(piece):
                at = start + nuls - nuls % ALIGNMENT
                return detect(self._read_at(at, min(EVIDENCE_BYTES, self._stat.size - at)))
            start += len(piece)
        return UTF_8

    def _first_data(self) -> int:
        with _explained(self._stat):
            fd = self.open()
        try:
            found = os.lseek(fd, 0, os.SEEK_DATA)
            os.lseek(fd, 0, os.SEEK_SET)
        except OSError:  # the system or this file system knows no holes, or there is nothing else
            return 0
        return found - found % ALIGNMENT

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

    def _read_at(self, position: int, size: int) -> bytes:
        with _explained(self._stat):
            piece = os.pread(self.open(), size, position)
        if len(piece) < size:
            raise self._shorter()
        return piece

    def _shorter(self) -> SourceChangedError:
        name = display_name(self._stat.path)
        return SourceChangedError(f"{name} is shorter than the {self._stat.size} bytes it had")


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
