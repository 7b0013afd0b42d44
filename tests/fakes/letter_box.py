"""The dead letters on the bus, and what is sent again, in memory."""

from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime, timedelta

from services.discovery.domain.dead_letters import Resend
from shared.bus.messages.outgoing import Outgoing, Steps
from shared.bus.publishing.dead_letters import read_dead_letter
from shared.bus.reading.dead_letter_log import fits
from shared.bus.registry.dead_letters import DEAD
from shared.contracts.batches import decode
from shared.contracts.commands import Selection
from shared.contracts.dead_letters import DeadLetter, StoredLetter
from shared.errors import BusAway, InvalidMessage
from tests.builders import NOW


class FakeDeadLetterStore:
    """Keeps letters by sequence; the ``failures`` next deletions get no answer."""

    def __init__(self) -> None:
        self.failures = 0
        self.letters: dict[int, StoredLetter] = {}
        self._last = 0

    def put(self, letter: DeadLetter, *, after_s: float = 0) -> int:
        self._last += 1
        stored_at: datetime = NOW + timedelta(seconds=after_s)
        self.letters[self._last] = StoredLetter(self._last, stored_at, letter)
        return self._last

    async def select(
        self, collection: str, selection: Selection, before: datetime | None
    ) -> Mapping[int, DeadLetter]:
        return {
            sequence: replace(one.letter, body=b"", size=len(one.letter.body))
            for sequence, one in sorted(self.letters.items())
            if one.letter.collection == collection
            and (not selection.sequences or sequence in selection.sequences)
            and fits(one, selection)
            and (before is None or one.stored_at < before)
        }

    async def get(self, sequence: int) -> DeadLetter | None:
        found = self.letters.get(sequence)
        return found.letter if found else None

    async def delete(self, sequence: int) -> None:
        if self.failures:
            self.failures -= 1
            raise BusAway("no answer")
        self.letters.pop(sequence, None)


class FakeBus:
    """Takes the steps of a handler; keeps what is sent again, once per message id.

    The ``failures`` next batches get no answer.
    """

    def __init__(self) -> None:
        self.failures = 0
        self.sent: dict[str, Resend] = {}
        self.messages: list[Outgoing] = []
        self.buried: list[DeadLetter] = []

    async def publish_steps(self, steps: Steps) -> None:
        async with aclosing(steps):
            async for messages in steps:
                for message in messages:
                    self._take(message)

    def _take(self, message: Outgoing) -> None:
        subject = message.channel.subject(message.collection)
        if message.channel in DEAD.values():
            self.buried.append(read_dead_letter(subject, message.headers, message.body))
            return
        try:
            batch = decode(message.body)
        except InvalidMessage:
            self.messages.append(message)
            return
        if self.failures:
            self.failures -= 1
            raise BusAway("no answer")
        stage = message.message_id.split(":")[1]
        resend = Resend(
            message.collection,
            batch.descriptor.batch_id,
            len(batch),
            stage,
            message.message_id,
            message.body,
        )
        self.sent.setdefault(message.message_id, resend)
