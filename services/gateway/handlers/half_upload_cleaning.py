"""Half uploads go when nobody continues them, and with their collection."""

from functools import partial

import anyio
import structlog

from services.gateway.ports.half_uploads import HalfUploads
from shared.clock import Clock
from shared.waits import WAITS

CLEAN_EVERY_S = 600.0
WHAT = "cleaning up after uploads that were not continued"
log = structlog.get_logger(__name__)


class HalfUploadCleaner:
    """Removes them, now and then, and when a collection goes."""

    def __init__(self, kept: HalfUploads, clock: Clock) -> None:
        """Take where they are, and what tells which have expired."""
        self._kept = kept
        self._clock = clock
        self._gone: set[str] = set()
        """Collections that were deleted: no other one has any of these names again."""
        self._woken = anyio.Event()

    def leave(self, collection: str) -> None:
        """Have all of a collection removed that is there no more."""
        self._gone.add(collection)
        self._woken.set()

    async def keep_clean(self) -> None:
        """Clean up until cancelled."""
        while True:
            self._woken = anyio.Event()
            with WAITS.retrying(WHAT, partial(log.warning, "uploads.uncleaned")):
                if count := await self._kept.clean(self._clock.now(), self._gone):
                    log.info("uploads.expired", uploads=count)
            with anyio.move_on_after(CLEAN_EVERY_S):
                await self._woken.wait()
