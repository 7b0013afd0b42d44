"""What a process looks at before it works, so that a fault of the place is told at its start.

A check is a real try in the very place: what a file system or a server says of itself is often not
so. A fault that passes by itself, as a full disk, is no finding: it is waited for at work.
"""

import errno
import json
import os
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from shared.errors import EXIT_CONFIGURATION, ConfigurationError, Unfit
from shared.locking import take_lock
from shared.redaction import redact_all
from shared.sqlite_errors import is_full, is_passing

CHECK_OPTION = "--check"
"""With it a service only looks at its place, and tells its findings."""
OPTIONS = {CHECK_OPTION: "Look at the place, and print findings as JSON."}
"""What a service takes on its command line, and what it does."""
PASSING = frozenset({errno.ENOSPC, errno.EDQUOT})
FULL = "is full; that is waited for"


@dataclass(frozen=True, slots=True)
class Check:
    """One look at the place."""

    subject: str
    look: Callable[[], str]
    """Returns what was found; raises a ConfigurationError if that is a fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a check has found."""

    subject: str
    is_ok: bool
    found: str
    needed: str = ""
    remedy: str = ""

    @property
    def line(self) -> str:
        """Say it in a line."""
        needed = f"; needed: {self.needed}" if self.needed else ""
        remedy = f"; {self.remedy}" if self.remedy else ""
        return f"{self.subject}: {self.found}{needed}{remedy}" if self.subject else self.found

    def told(self) -> dict[str, Any]:
        """Say it in JSON's terms."""
        told = asdict(self)
        return {"ok": told.pop("is_ok"), **told}


def examine(checks: Iterable[Check]) -> list[Finding]:
    """Make all checks, whatever one of them finds."""
    return [finding for check in checks for finding in _examined(check)]


def require_fit(checks: Iterable[Check]) -> None:
    """Make all checks.

    Raises:
        ConfigurationError: Says in a line each what does not fit.
    """
    faults = [finding.line for finding in examine(checks) if not finding.is_ok]
    if faults:
        raise ConfigurationError("\n".join(dict.fromkeys(faults)))


def faults_of(error: ConfigurationError, subject: str = "") -> list[Finding]:
    """Turn an error into findings, one per line of it."""
    if isinstance(error, Unfit):
        return [
            Finding(subject=error.subject, is_ok=False, found=error.found, needed=error.needed,
                    remedy=error.remedy)
        ]  # fmt: skip
    lines = str(error).splitlines() or ["no reason was given"]
    return [Finding(subject=subject, is_ok=False, found=line) for line in lines]


def _examined(check: Check) -> Sequence[Finding]:
    try:
        return [Finding(subject=check.subject, is_ok=True, found=check.look())]
    except ConfigurationError as error:
        return faults_of(error)


def folder_checks(
    folder: Path, setting: str, *, has_database: bool = False, has_links: bool = False
) -> Iterator[Check]:
    """List what a folder must be good for that a process owns.

    Args:
        folder: It is created if it is missing.
        setting: What says where it is, for the remedy.
        has_database: Whether SQLite works in it.
        has_links: Whether the dataset, whose commits are hard links, is in it.
    """
    yield Check(f"{folder}", lambda: _write(folder, setting))
    yield Check(f"{folder}", lambda: _lock(folder))
    if has_database:
        yield Check(f"{folder}", lambda: _keep_database(folder, setting))
    if has_links:
        yield Check(f"{folder}", lambda: _link(folder, setting))


@contextmanager
def nothing_left(folders: Iterable[Path]) -> Iterator[None]:
    """At the end of the block, remove these folders and those above, if they were made in it."""
    missing = {one for folder in folders for one in (folder, *folder.parents) if not one.exists()}
    try:
        yield
    finally:
        for folder in sorted(missing, key=lambda one: len(one.parts), reverse=True):
            with suppress(OSError):  # somebody has put something there
                folder.rmdir()


@contextmanager
def _corner(folder: Path) -> Iterator[Path | None]:
    """Give a folder of one's own in another one, until the block ends; none if that is not to be.

    Why not is told by the check of writing alone.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        corner = tempfile.TemporaryDirectory(dir=folder, prefix=".preflight-")
    except OSError:
        yield None
        return
    with corner as name:
        yield Path(name)


def _write(folder: Path, setting: str) -> str:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".preflight-") as name:
            file = Path(name, "written")
            file.write_bytes(b"x")
            file.rename(file.with_name("renamed"))
    except OSError as error:
        if error.errno in PASSING:
            return FULL
        raise Unfit(
            f"{folder}",
            found=f"cannot be written: {error.strerror}",
            needed=f"a folder that user {os.getuid()} may write",
            remedy=f"change its owner or rights, or point {setting} to another folder",
        ) from error
    return "can be written"


def _lock(folder: Path) -> str:
    with _corner(folder) as corner:
        if corner is None:
            return "locks could not be tried"
        try:
            with (corner / "lock").open("a") as file:
                take_lock(file, folder)
        except OSError as error:
            if error.errno in PASSING:
                return FULL
            raise
    return "files can be locked"


def _link(folder: Path, setting: str) -> str:
    with _corner(folder) as corner:
        if corner is None:
            return "hard links could not be tried"
        file = corner / "file"
        try:
            file.touch()
            os.link(file, corner / "link")
        except OSError as error:
            if error.errno in PASSING:
                return FULL
            raise Unfit(
                f"{folder}",
                found=f"its file system makes no hard links ({error.strerror})",
                needed="hard links, with which the dataset is committed",
                remedy=f"point {setting} to a folder on ext4, XFS, Btrfs, ZFS or NFS; exFAT, FAT "
                "and many SMB and FUSE mounts have none",
            ) from error
    return "has hard links"


def _keep_database(folder: Path, setting: str) -> str:
    with _corner(folder) as corner:
        if corner is None:
            return "a database could not be tried"
        try:
            with closing(sqlite3.connect(corner / "db", timeout=0, isolation_level=None)) as db:
                db.execute("PRAGMA journal_mode = WAL")
                db.execute("BEGIN IMMEDIATE")
                db.execute("CREATE TABLE kept (word TEXT)")
                db.execute("COMMIT")
        except sqlite3.Error as error:
            if is_passing(error):
                return FULL if is_full(error) else f"fails now ({error}); that is waited for"
            raise Unfit(
                f"{folder}",
                found=f"SQLite cannot work in it: {error}",
                needed="a file system with POSIX locks and shared memory",
                remedy=f"point {setting} to a folder on a local disk",
            ) from error
    return "keeps a database"


def tell_findings(look: Callable[[], Sequence[Finding]]) -> int:
    """Print findings as JSON and return the exit code that they call for."""
    try:
        found = look()
    except ConfigurationError as error:
        found = faults_of(error)
    sys.stdout.write(json.dumps(redact_all([finding.told() for finding in found])) + "\n")
    return 0 if all(finding.is_ok for finding in found) else EXIT_CONFIGURATION
