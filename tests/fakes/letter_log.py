"""The dead letters on the bus as a reader sees them, in memory."""

from dataclasses import replace
from datetime import timedelta

from shared.bus.reading.dead_letter_log import fits
from shared.contracts.commands import Selection
from shared.contracts.dead_letters import DeadLetter, LetterPage, StoredLetter
from shared.errors import BusAway
from tests.builders import NOW


class FakeLetterLog:
    """Keeps letters by sequence, an hour apart."""

    def __init__(self, *letters: DeadLetter, is_away: bool = False) -> None:
        self.is_away = is_away
        self.letters = [
            StoredLetter(number, NOW + timedelta(hours=number), one)
            for number, one in enumerate(letters, 1)
        ]

    async def page(
        self, collection: str, selection: Selection, *, after: int = 0, limit: int = 50
    ) -> LetterPage:
        self._require()
        chosen = [
            replace(one, letter=replace(one.letter, body=b"", size=one.letter.original_bytes))
            for one in self.letters
            if one.letter.collection == collection and fits(one, selection)
        ]
        rest = [one for one in chosen if one.sequence > after]
        next_after = rest[limit - 1].sequence if len(rest) > limit else None
        total = None if selection.source else len(chosen)
        return LetterPage(rest[:limit], total, next_after)

    async def get(self, sequence: int) -> StoredLetter | None:
        self._require()
        return next((one for one in self.letters if one.sequence == sequence), None)

    def _require(self) -> None:
        if self.is_away:
            raise BusAway("the bus is away")
