"""What is told of commands that were settled."""

import asyncio

from services.gateway.ports.audit import AuditLog
from shared.contracts.audit import AuditPage

PAGES = 2
"""At a time."""


class Audit:
    """Reads the audited commands on the bus."""

    def __init__(self, log: AuditLog) -> None:
        self._log = log
        self._paging = asyncio.Semaphore(PAGES)

    async def page(self, collection: str, *, after: int, limit: int) -> AuditPage:
        """Return a page of a collection's commands, oldest first.

        Raises:
            BusAway: The bus did not answer.
        """
        async with self._paging:
            return await self._log.page(collection, after=after, limit=limit)
