"""Kills services as often as they can stand: who dies young again and again is given up."""

import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.e2e.local_run import LiveRun

HEALTHY_S = 16.0
"""Who has lived so long may die again: ``mapstream run`` counts from the start then."""
YOUNG = 4
"""So many deaths in a row may come sooner; it gives up at eight."""


@dataclass
class Deaths:
    """Says of the services of a run which may be killed now."""

    run: LiveRun
    young: Counter[str] = field(default_factory=Counter)

    async def may_end(self, service: str) -> bool:
        """Tell whether one may be killed, and count on it."""
        began_s = Path(f"/proc/{await self.run.running(service)}").stat().st_ctime
        if time.time() - began_s > HEALTHY_S:
            self.young[service] = 0
        self.young[service] += 1
        return self.young[service] <= YOUNG

    async def kill(self, service: str) -> None:
        """Kill one, if it may be."""
        if await self.may_end(service):
            await self.run.kill(service)
