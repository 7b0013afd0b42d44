"""What the handlers need of the audit."""

from typing import Protocol

from shared.contracts.audit import AuditPage


class AuditLog(Protocol):
    """The commands that were settled."""

    async def page(self, collection: str, *, after: int = 0, limit: int = 50) -> AuditPage:
        """Return a page of a collection's commands, oldest first.

        Raises:
            BusAway: The bus did not answer.
        """
        ...
