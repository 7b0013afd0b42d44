"""What a process needs a disk for before it can begin: a full one is waited for."""

import asyncio
import errno
from collections.abc import Awaitable, Callable

import structlog

from shared.errors import TransientError
from shared.waits import WAITS

RETRY_S = 1.0
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
log = structlog.get_logger(__name__)


async def when_there_is_room(what: str, work: Callable[[], Awaitable[object]]) -> None:
    """Do something that needs a little room, as often as it takes until the disk has it.

    It is not taken for a wrong configuration, after which nobody would start the process again.

    Args:
        what: What is done, for whoever asks what is waited for.
        work: Does it, or leaves everything as it was.
    """
    with WAITS.trying(what) as trial:
        while True:
            try:
                await work()
            except (OSError, TransientError) as error:
                if not is_full(error):
                    raise
                log.error("disk.full", waiting=what, error=str(error))  # noqa: TRY400
                trial.failed(error)
                await asyncio.sleep(RETRY_S)
            else:
                return


def is_full(error: BaseException | None) -> bool:
    """Tell whether an error, or what it came of, is that of a disk without room."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in FULL:
            return True
        error = error.__cause__
    return False
