"""Dead letters on the bus: read, taken away, and sent again."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from services.discovery.domain.letters import Resend
from shared.bus.messages.headers import batch_headers
from shared.bus.messages.outgoing import Outgoing
from shared.bus.publishing.dead_letters import outgoing_dead_letter
from shared.bus.publishing.publisher import Publisher
from shared.bus.reading.dead_letter_log import DeadLetterLog
from shared.bus.registry.batches import (
    DISCOVERY_BATCH,
    EMBEDDING_BATCH,
    PROJECTION_BATCH,
    WRITING_RETRACTION,
)
from shared.contracts.batches import decode
from shared.contracts.commands import Selection
from shared.contracts.dead_letters import DeadLetter

READ_BY = {
    "discovery": DISCOVERY_BATCH,
    "embedding": DISCOVERY_BATCH,
    "projection": EMBEDDING_BATCH,
    "writing": PROJECTION_BATCH,
}
"""Where a batch goes again: to the stage that gave it up, or from discovery to the first."""
WORK = (DISCOVERY_BATCH, EMBEDDING_BATCH, PROJECTION_BATCH, WRITING_RETRACTION)


class BusLetterBox:
    """The dead letters on the bus."""

    def __init__(self, log: DeadLetterLog) -> None:
        self._log = log

    async def select(
        self, collection: str, selection: Selection, before: datetime | None
    ) -> Mapping[int, DeadLetter]:
        """See LetterBox."""
        return {
            one.sequence: replace(one.letter, body=b"", size=one.letter.original_bytes)
            async for one in self._log.walk(collection, selection)
            if before is None or one.stored_at < before
        }

    async def get(self, sequence: int) -> DeadLetter | None:
        """See LetterBox."""
        found = await self._log.get(sequence)
        return found.letter if found else None

    async def delete(self, sequence: int) -> None:
        """See LetterBox."""
        await self._log.delete(sequence)


class BusSender:
    """Sends to the stages."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher

    async def send(self, resend: Resend) -> None:
        """See Sender."""
        channel = READ_BY[resend.stage]
        headers = batch_headers(decode(resend.body))
        message = Outgoing(channel, resend.collection, resend.message_id, resend.body, headers)
        await self._publisher.publish(message)

    async def bury(self, letters: Sequence[DeadLetter]) -> None:
        """See Sender."""
        await self._publisher.publish_all(map(outgoing_dead_letter, letters))

    async def send_message(self, letter: DeadLetter) -> bool:
        """See Sender."""
        for channel in WORK:
            if letter.subject == channel.subject(letter.collection):
                message_id = f"replay:{letter.stage}:{letter.key}"
                message = Outgoing(channel, letter.collection, message_id, letter.body)
                await self._publisher.publish(message)
                return True
        return False
