"""Sends dead letters again, and gives dead letters up for good."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from services.discovery.domain.ledger import Death
from services.discovery.domain.letters import Refused
from services.discovery.handlers.claims import Claims
from services.discovery.handlers.reread import Again, Reading, Reread
from services.discovery.handlers.resend import resends_of
from services.discovery.handlers.settle import death_of
from services.discovery.ports import LetterBox, LetterLedger, Sender
from shared.contracts.commands import Selection
from shared.contracts.dead_letters import DeadLetter

REREAD_BYTES = 64 << 20
"""As many bytes of a source are read again in one go."""
GONE = "there is no such dead letter in this collection"


@dataclass(frozen=True, slots=True)
class Asked:
    """A command about dead letters."""

    collection: str
    selection: Selection
    key: str
    """Of the message: a second delivery has the same."""
    before: datetime | None
    """When the command was given; letters that came later are not meant."""


@dataclass(slots=True)
class Tally:
    """What became of the letters of one command."""

    letters: int = 0
    records: int = 0
    refused: dict[int, str] = field(default_factory=dict)
    """Sequence to reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What commands about dead letters work with."""

    ledger: LetterLedger
    box: LetterBox
    sender: Sender
    reread: Reread
    claims: Claims


async def replay(asked: Asked, *, desk: Desk) -> Tally:
    """Send the selected letters again, each at most once, however often the command comes.

    A letter leaves the bus when the ledger keeps what is sent for it and that is sent.

    Returns:
        How many were sent, those of an earlier delivery of the command included; and which were
        not, with the reason: they stay.

    Raises:
        TransientError: The bus or the ledger did not answer; what was done stays done.
    """
    tally = Tally()
    for source_id, letters in (await _selected(asked, desk, tally)).items():
        if source_id is None:
            await _send_messages(letters, desk, tally)
            continue
        async with desk.claims.claim(source_id):
            for some in in_portions(letters):
                reread = await desk.reread(source_id, list(some.values()))
                for sequence in some:
                    await _replay_one(sequence, reread, asked, desk, tally)
    return await _with_earlier(tally, asked, desk)


async def send_again(ledger: LetterLedger, sender: Sender) -> int:
    """Send what is in flight for dead letters once more, in case a crash or the bus lost it.

    Raises:
        TransientError: The ledger could not be read.
    """
    resends = await ledger.resends()
    for resend in resends:
        await sender.send(resend)
    return len(resends)


async def drop(asked: Asked, *, desk: Desk) -> Tally:
    """Give the selected letters up: the ledger counts them as dropped, the bus forgets them.

    Raises:
        TransientError: The bus or the ledger did not answer; what was done stays done.
    """
    tally = Tally()
    for letters in (await _selected(asked, desk, tally)).values():
        for sequence, letter in letters.items():
            death = _death(letter)
            if death is not None:
                await desk.ledger.drop(death, asked.key)
            await desk.box.delete(sequence)
            tally.letters += 1
            tally.records += letter.records
    return await _with_earlier(tally, asked, desk)


async def _selected(
    asked: Asked, desk: Desk, tally: Tally
) -> Mapping[str | None, dict[int, DeadLetter]]:
    """Return the letters that are meant, by source; those that are missing are refused."""
    found = await desk.box.select(asked.collection, asked.selection, asked.before)
    earlier = await desk.ledger.settled_by(asked.key)
    if not earlier:
        for sequence in asked.selection.sequences:
            if sequence not in found:
                tally.refused[sequence] = GONE
    grouped: dict[str | None, dict[int, DeadLetter]] = {}
    for sequence, letter in found.items():
        known = None if letter.source_version is None else letter.source_id
        grouped.setdefault(known, {})[sequence] = letter
    return grouped


async def _with_earlier(tally: Tally, asked: Asked, desk: Desk) -> Tally:
    """Count what an earlier delivery of the command has done already."""
    done = await desk.ledger.settled_by(asked.key)
    tally.letters = max(tally.letters, len(done))
    tally.records = max(tally.records, sum(letter.records for letter in done))
    return tally


async def _send_messages(letters: Mapping[int, DeadLetter], desk: Desk, tally: Tally) -> None:
    """Send messages again that tell of no source, so that the ledger has no account of them."""
    for sequence in letters:
        letter = await desk.box.get(sequence)
        if letter is None:
            continue
        if letter.is_cut or not await desk.sender.send_message(letter):
            tally.refused[sequence] = "it is no record and cannot be sent again; drop it"
            continue
        await desk.box.delete(sequence)
        tally.letters += 1


async def _replay_one(
    sequence: int,
    reread: Reading,
    asked: Asked,
    desk: Desk,
    tally: Tally,
) -> None:
    letter = await desk.box.get(sequence)
    death = _death(letter) if letter else None
    if letter is None or death is None:
        tally.refused[sequence] = GONE
        return
    again = reread.get(death.key) or _of_a_batch(letter, death)
    if isinstance(again, Refused):
        tally.refused[sequence] = again.reason
        return
    # First the bus, then the ledger: as the last, what is in neither would be forgotten.
    await desk.sender.bury(again.left)
    resends = await desk.ledger.replay(death, again.resends, asked.key, again.remains)
    if isinstance(resends, Refused):
        tally.refused[sequence] = resends.reason
        return
    for resend in resends:
        await desk.sender.send(resend)
    await desk.box.delete(sequence)
    tally.letters += 1
    tally.records += death.records - (again.remains.records if again.remains else 0)


def _of_a_batch(letter: DeadLetter, death: Death) -> Again | Refused:
    found = resends_of(letter, death)
    return found if isinstance(found, Refused) else Again(found)


def in_portions(letters: Mapping[int, DeadLetter]) -> Iterator[dict[int, DeadLetter]]:
    """Part the letters of a source, so that what is read again for some fits into memory."""
    some: dict[int, DeadLetter] = {}
    size = 0
    for sequence, letter in letters.items():
        if some and size + letter.original_bytes > REREAD_BYTES:
            yield some
            some, size = {}, 0
        some[sequence] = letter
        size += letter.original_bytes
    if some:
        yield some


def _death(letter: DeadLetter) -> Death | None:
    if letter.source_id is None or letter.source_version is None:
        return None
    return death_of(letter, letter.source_id, letter.source_version)
