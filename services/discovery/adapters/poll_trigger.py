"""Looks at everything at a fixed interval."""

from collections.abc import AsyncGenerator

import anyio


class PollTrigger:
    """Says to look at once and then every so many seconds."""

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s

    def renew(self) -> None:
        """See Trigger; the next look finds all there is."""

    async def signals(self) -> AsyncGenerator[frozenset[str] | None]:
        """See Trigger."""
        while True:
            yield None
            await anyio.sleep(self._interval_s)
