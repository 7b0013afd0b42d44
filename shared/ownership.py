"""Owns the folders of a service: only one process may change what is in them."""

from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import structlog

from shared.contracts.status_reading import STANDBY
from shared.disk_room import when_there_is_room
from shared.locking import exclusive_owner, shared_owner
from shared.waits import WAITS, Trial

log = structlog.get_logger(__name__)


async def own(
    stack: AsyncExitStack,
    folders: Iterable[Path],
    tell: Callable[[str], None],
    *,
    is_shared: bool = False,
) -> None:
    """Own folders until the stack is closed; wait as a standby while another process does.

    What is shared has as many owners as there are replicas on this machine.
    """
    for folder in folders:
        tell(STANDBY)
        owning = partial(_own, stack, folder, is_shared=is_shared)
        await when_there_is_room(f"making {folder}", owning)


async def _own(stack: AsyncExitStack, folder: Path, *, is_shared: bool) -> None:
    owner = shared_owner if is_shared else exclusive_owner
    with WAITS.trying(f"owning {folder}") as trial:
        await stack.enter_async_context(owner(folder, on_wait=partial(_tell_standby, trial)))


def _tell_standby(trial: Trial) -> None:
    log.warning("service.standby")
    trial.failed("another process owns it; this one takes over when that ends")
