"""The dead letters on the bus: found, and taken away."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from shared.bus.reading.dead_letter_log import DeadLetterLog
from shared.contracts.commands import Selection
from shared.contracts.dead_letters import DeadLetter


class BusDeadLetterStore:
    """The dead letters on the bus."""

    def __init__(self, log: DeadLetterLog) -> None:
        self._log = log

    async def select(
        self, collection: str, selection: Selection, before: datetime | None
    ) -> Mapping[int, DeadLetter]:
        """See DeadLetterStore."""
        return {
            one.sequence: replace(one.letter, body=b"", size=one.letter.original_bytes)
            async for one in self._log.walk(collection, selection)
            if before is None or one.stored_at < before
        }

    async def get(self, sequence: int) -> DeadLetter | None:
        """See DeadLetterStore."""
        found = await self._log.get(sequence)
        return found.letter if found else None

    async def delete(self, sequence: int) -> None:
        """See DeadLetterStore."""
        await self._log.delete(sequence)
