"""Reads dead letters under the names that their sources have now."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from services.discovery.domain.ledger import SourceRecord
from services.discovery.ports import DeadLetterStore, MoveStore
from shared.contracts.batches import decode, encode
from shared.contracts.commands import Selection
from shared.contracts.dead_letters import DeadLetter
from shared.contracts.renaming import renamed
from shared.errors import InvalidMessage


class MovedLetters:
    """The dead letters on the bus; those of a source that was moved are the new name's."""

    def __init__(self, letters: DeadLetterStore, moves: MoveStore) -> None:
        self._letters = letters
        self._moves = moves

    async def select(
        self, collection: str, selection: Selection, before: datetime | None
    ) -> Mapping[int, DeadLetter]:
        """See DeadLetterStore; a source is selected by the name that it had when they died."""
        found = await self._letters.select(collection, selection, before)
        return {sequence: await self._as_now(letter) for sequence, letter in found.items()}

    async def get(self, sequence: int) -> DeadLetter | None:
        """See DeadLetterStore."""
        letter = await self._letters.get(sequence)
        return await self._as_now(letter) if letter else None

    async def delete(self, sequence: int) -> None:
        """See DeadLetterStore."""
        await self._letters.delete(sequence)

    async def _as_now(self, letter: DeadLetter) -> DeadLetter:
        if letter.source_id is None or letter.source_version is None:
            return letter
        now = await self._moves.name_now(letter.source_id, letter.source_version)
        return letter if now is None else _renamed(letter, now)


def _renamed(letter: DeadLetter, now: SourceRecord) -> DeadLetter:
    letter = replace(
        letter,
        source_id=now.source_id,
        source_version=now.source_version,
        filename=now.filename,
    )
    if letter.batch_id is None or letter.is_cut:
        return letter
    try:
        batch = decode(letter.body)
    except InvalidMessage:
        return letter  # whoever sends it again says why that is not possible
    facts = batch.descriptor.model_copy(
        update={
            "source_id": now.source_id,
            "filename": now.filename,
            "source_version": now.source_version,
        }
    )
    return replace(letter, body=encode(renamed(batch, facts)))
