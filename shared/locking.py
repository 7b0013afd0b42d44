"""One active owner for a folder of state: the second process waits until the first is gone."""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import IO, Any

from shared.errors import ConfigurationError, Unfit

POLL_S = 0.2
LOCK = "owner.lock"


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
    folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240  once, before any work
    with (folder / LOCK).open("a") as file:
        waited = False
        while not take_lock(file, folder):
            if not waited:
                on_wait()
            waited = True
            await asyncio.sleep(POLL_S)
        yield


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


def take_lock(file: IO[Any], folder: Path) -> bool:
    """Lock a file until it is closed; tell whether that was possible, or another has it.

    Args:
        file: Opened for writing: NFS locks no other.
        folder: Where it is, for the message.

    Raises:
        Unfit: The file system locks no files, whoever asks.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
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
