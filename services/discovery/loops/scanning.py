"""Scans for sources whenever something says so."""

import asyncio
from contextlib import aclosing

import structlog

from services.discovery.handlers.postponed import Postponed
from services.discovery.handlers.scanner import SourceScanner
from services.discovery.ports import Trigger
from shared.bus.publishing.publisher import Publisher
from shared.errors import TransientError
from shared.waits import WAITS

AFTER_FAILURE_S = 2.0
log = structlog.get_logger(__name__)


class ScanLoop:
    """Has sources scanned, one scan at a time."""

    def __init__(self, scanner: SourceScanner, publisher: Publisher) -> None:
        self._scanner = scanner
        self._publisher = publisher
        self._scanning = asyncio.Lock()

    async def run(self, trigger: Trigger) -> None:
        """Scan whenever the trigger says so, until cancelled."""
        async with aclosing(trigger.signals()) as signals:
            async for changed in signals:
                await self.scan(changed)

    async def look_again(self, postponed: Postponed) -> None:
        """Scan what has changed while a version of it was on its way, when that has ended."""
        while True:
            await self.scan(await postponed.take())

    async def scan(self, changed: frozenset[str] | None) -> None:
        """Scan once; what keeps it from scanning is waited out."""
        async with self._scanning:
            with WAITS.trying("looking for sources") as trial:
                while True:
                    try:
                        await self._scanner.scan(changed, self._publisher.publish_steps)
                    except TransientError as error:
                        log.warning("look.failed", error=str(error))
                        trial.failed(error)
                        await asyncio.sleep(AFTER_FAILURE_S)
                    else:
                        break
