"""The two files of a half upload: its bytes, and what is known of it."""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from services.gateway.domain.half_uploads import HalfUpload
from services.gateway.ports.half_uploads import NoUploadError

BYTES, FACTS, NEW = ".bytes", ".json", ".new"


def who(by: str) -> str:
    """Name a person by what may stand in any name of a file."""
    return hashlib.sha256(by.encode("utf-8", "backslashreplace")).hexdigest()[:16]


def read_upload(path: Path) -> HalfUpload:
    """Read what is known of an upload, given the path of its bytes.

    Raises:
        FileNotFoundError: Nothing is known, or it cannot be understood.
    """
    try:
        return HalfUpload(**json.loads(path.with_suffix(FACTS).read_bytes()))
    except (ValueError, TypeError) as error:
        raise FileNotFoundError(f"{path}: {error}") from error


def write_upload(path: Path, facts: HalfUpload) -> None:
    """Write what is known of an upload, so that a crash leaves this or what was there before."""
    new = path.with_suffix(FACTS + NEW)
    with new.open("w") as file:
        json.dump(asdict(facts), file)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path.with_suffix(FACTS))
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def remove_upload(path: Path) -> None:
    """Remove both, given the path of the bytes: what is known goes first."""
    path.with_suffix(FACTS).unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def modified(path: Path) -> datetime:
    """Tell when a file was last written."""
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def changed(path: Path) -> datetime:
    """Tell when an upload was last changed, given the path of its bytes."""
    facts = path.with_suffix(FACTS)
    return max(modified(one) for one in (path, facts) if one is path or facts.exists())


@contextmanager
def missing() -> Iterator[None]:
    """Take a file that is not there for an upload that is not.

    Raises:
        NoUploadError: One was not there.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise NoUploadError("there is no such upload of yours") from error
