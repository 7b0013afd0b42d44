"""One active owner for a folder of state: the second process waits until the first is gone."""

import asyncio
import fcntl
import os
import platform
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import IO, Any

from shared.errors import ConfigurationError, Unfit

POLL_S = 0.2
LOCK = "owner.lock"
BOOT = Path("/proc/sys/kernel/random/boot_id")


@asynccontextmanager
async def exclusive_owner(
    folder: Path, *, on_wait: Callable[[], None] = lambda: None
) -> AsyncIterator[None]:
    """Own a folder until the block ends; wait as a standby while another process owns it.

    The operating system releases the lock when its holder dies in any way, and a holder that is
    merely stopped keeps it: so there are never two owners, and no clock decides.

    Args:
        folder: The folder whose content only the owner may change; created if missing.
        on_wait: Called once, if another process owns the folder.

    Raises:
        Unfit: The file system locks no files.
        OSError: The folder cannot be created or written.
    """
    async with _owner(folder, on_wait, take_lock):
        yield


@asynccontextmanager
async def shared_owner(
    folder: Path, *, on_wait: Callable[[], None] = lambda: None
) -> AsyncIterator[None]:
    """Own a folder together with other processes of this machine until the block ends.

    Who owns it alone keeps all of them out, and they him. So do those of another machine, even
    where a file system has locks for both: SQLite shares memory among those who write a file.

    Args:
        folder: The folder whose content only owners may change; created if missing.
        on_wait: Called once, if others own the folder, with whom it cannot be shared.

    Raises:
        Unfit: The file system locks no files.
        OSError: The folder cannot be created or written.
    """
    async with _owner(folder, on_wait, _join):
        yield


@asynccontextmanager
async def _owner(
    folder: Path, on_wait: Callable[[], None], take: Callable[[IO[bytes], Path], bool]
) -> AsyncIterator[None]:
    folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240  once, before any work
    with (folder / LOCK).open("ab+") as file:
        waited = False
        while not take(file, folder):
            if not waited:
                on_wait()
            waited = True
            await asyncio.sleep(POLL_S)
        yield


def _join(file: IO[bytes], folder: Path) -> bool:
    """Share a lock with those of this machine; who is the first writes down which that is."""
    ours = machine()
    if take_lock(file, folder, is_shared=True):
        if _written(file) == ours:
            return True
        fcntl.flock(file, fcntl.LOCK_UN)
    if not take_lock(file, folder):
        return False
    file.truncate(0)
    file.write(ours)
    file.flush()
    # While the lock becomes a shared one, another machine may come between.
    if take_lock(file, folder, is_shared=True) and _written(file) == ours:
        return True
    fcntl.flock(file, fcntl.LOCK_UN)
    return False


def _written(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()


def machine() -> bytes:
    """Name the machine, or rather its present run: containers on it have the same name."""
    try:
        return BOOT.read_bytes().strip()
    except OSError:
        return platform.node().encode()


@contextmanager
def own_at_once(folder: Path, service: str) -> Iterator[None]:
    """Own a folder until the block ends, or say who does.

    Raises:
        ConfigurationError: The service that it belongs to still runs, or it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / LOCK).open("a")
    except OSError as error:
        raise ConfigurationError(f"{folder}: cannot be written: {error.strerror}") from error
    with file:
        if not take_lock(file, folder):
            raise ConfigurationError(f"{service} still runs: it owns {folder}; stop it first")
        yield


def take_lock(file: IO[Any], folder: Path, *, is_shared: bool = False) -> bool:
    """Lock a file until it is closed; tell whether that was possible, or another has it.

    Args:
        file: Opened for writing: NFS locks no other.
        folder: Where it is, for the message.
        is_shared: Whether others may have it, too, who lock it in this way.

    Raises:
        Unfit: The file system locks no files, whoever asks.
    """
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise Unfit(
            f"{folder}",
            found=f"its file system locks no files (flock: {os.strerror(error.errno or 0)})",
            needed="file locks, so that two processes never change the same state",
            remedy="use a folder on a local disk, or mount it with locks (Lustre: -o flock; NFS: "
            "with a lock service, or version 4)",
        ) from error
    return True
