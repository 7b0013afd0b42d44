"""The dead letters on the bus, and what is sent again, in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from services.discovery.domain.letters import Resend
from shared.bus.reading.dead_letter_log import fits
from shared.contracts.commands import Selection
from shared.contracts.dead_letters import DeadLetter, StoredLetter
from shared.errors import BusAway
from tests.builders import NOW


class FakeLetterBox:
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


class FakeSender:
    """Keeps what was sent, once per message id; the ``failures`` next get no answer."""

    def __init__(self) -> None:
        self.failures = 0
        self.sent: dict[str, Resend] = {}
        self.messages: list[DeadLetter] = []
        self.buried: list[DeadLetter] = []

    async def send(self, resend: Resend) -> None:
        if self.failures:
            self.failures -= 1
            raise BusAway("no answer")
        self.sent.setdefault(resend.message_id, resend)

    async def bury(self, letters: Sequence[DeadLetter]) -> None:
        self.buried += letters

    async def send_message(self, letter: DeadLetter) -> bool:
        if letter.subject is None:
            return False
        self.messages.append(letter)
        return True
