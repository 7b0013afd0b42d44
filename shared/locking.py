"""One active owner for a folder of state: the second process waits until the first is gone."""

import asyncio
import fcntl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

POLL_S = 0.2


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
        OSError: The folder cannot be created or written.
    """
    folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240  once, before any work
    with (folder / "owner.lock").open("a") as file:
        waited = False
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not waited:
                    on_wait()
                waited = True
                await asyncio.sleep(POLL_S)
        yield
