"""Files that are replaced whole and outlive a power cut."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.writing.ports import DiskFullError
from shared.errors import TransientError, Unfit
from shared.failpoints import Failpoint, reached

TEMPORARY = ".tmp-"
"""How the names of unfinished files begin."""

LASTING = frozenset(
    {errno.EPERM, errno.EACCES, errno.EXDEV, errno.EROFS, errno.ENAMETOOLONG, errno.ENOSYS,
     errno.EOPNOTSUPP}
)  # fmt: skip
"""What a file system refuses now it will refuse again, until somebody changes the place."""


def unfit(what: str, code: int) -> Unfit:
    """Say that the file system refuses for good."""
    return Unfit(
        what,
        found=f"the file system refuses: {os.strerror(code)}",
        needed="a folder that may be written, on a file system with hard links",
        remedy="mapstream check tells more; change its rights, or point output.folder (--output) "
        "to another folder",
    )


@contextmanager
def disk_errors(what: str) -> Iterator[None]:
    """Turn what the disk refuses into our errors.

    Raises:
        DiskFullError: There is no room.
        Unfit: The file system refuses for good.
        TransientError: Anything else.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFullError(f"no room for {what}") from error
        if error.errno in LASTING:
            raise unfit(what, error.errno) from error
        raise TransientError(f"{what}: {error}") from error


def temporary(path: Path) -> Path:
    """Return where a file is written before it takes the place of ``path``."""
    return path.with_name(f"{TEMPORARY}{path.name}")


def sync(path: Path) -> None:
    """Flush one file or folder.

    Raises:
        OSError: The disk refused.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def put_in_place(written: Path, path: Path) -> None:
    """Let a written file take the place of another, for good.

    Raises:
        OSError: The disk refused.
    """
    sync(written)
    reached(Failpoint.BEFORE_RENAME)
    written.replace(path)
    sync(path.parent)


def replace_text(path: Path, text: str) -> None:
    """Write a file whole, for good.

    Raises:
        OSError: The disk refused; the old file stays, and nothing is left beside it.
    """
    written = temporary(path)
    try:
        written.write_text(text)
        put_in_place(written, path)
    except OSError:
        written.unlink(missing_ok=True)
        raise
