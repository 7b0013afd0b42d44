"""Sends dead letters again, and gives dead letters up for good."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from services.discovery.domain.dead_letters import Refused
from services.discovery.domain.ledger import Death, SourceRecord
from services.discovery.handlers.accounts import death_of
from services.discovery.handlers.reread import Again, RereadLetters, SourceRereader
from services.discovery.handlers.resend import outgoing_again, outgoing_resend, resends_of
from services.discovery.handlers.source_locks import SourceLocks
from services.discovery.ports import DeadLetterStore, LetterLedger
from shared.bus.messages.outgoing import Steps
from shared.bus.publishing.dead_letters import outgoing_dead_letter
from shared.contracts.commands import Selection
from shared.contracts.dead_letters import DeadLetter

REREAD_BYTES = 64 << 20
"""As many bytes of a source are read again in one go."""
GONE = "there is no such dead letter in this collection"


@dataclass(frozen=True, slots=True)
class LetterCommand:
    """A command about dead letters."""

    collection: str
    selection: Selection
    key: str
    """Of the message: a second delivery has the same."""
    before: datetime | None
    """When the command was given; letters that came later are not meant."""


@dataclass(slots=True)
class ReplayResult:
    """What became of the letters of one command."""

    letters: int = 0
    records: int = 0
    refused: dict[int, str] = field(default_factory=dict)
    """Sequence to reason."""
    ended: list[SourceRecord] = field(default_factory=list)
    """Sources whose versions were held back, and are to be shown now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayContext:
    """What commands about dead letters work with."""

    ledger: LetterLedger
    store: DeadLetterStore
    reread: SourceRereader
    locks: SourceLocks


async def replay(asked: LetterCommand, *, context: ReplayContext, result: ReplayResult) -> Steps:
    """Send the selected letters again, each at most once, however often the command comes.

    A letter leaves the bus when the ledger keeps what is sent for it and that is sent.

    Args:
        asked: The command.
        context: What it works with.
        result: Gets how many were sent, those of an earlier delivery of the command included; and
            which were not, with the reason: they stay.

    Raises:
        TransientError: The bus or the ledger did not answer; what was done stays done.
    """
    for source_id, letters in (await _selected(asked, context, result)).items():
        if source_id is None:
            async for messages in _send_messages(letters, context, result):
                yield messages
            continue
        async with context.locks.hold(source_id):
            for some in in_portions(letters):
                reread = await context.reread(source_id, list(some.values()))
                for sequence in some:
                    async for messages in _replay_one(sequence, reread, asked, context, result):
                        yield messages
    await _count_earlier(result, asked, context)


async def send_again(ledger: LetterLedger, collection: str, epoch: int = 0) -> Steps:
    """Send what is in flight for dead letters once more, in case a crash or the bus lost it.

    Args:
        ledger: The ledger of dead letters.
        collection: For whose letters.
        epoch: Where the bus has lost it: since when it is sent again.

    Raises:
        TransientError: The ledger could not be read.
    """
    for resend in await ledger.resends(collection):
        yield [outgoing_resend(resend, epoch)]


async def drop(asked: LetterCommand, *, context: ReplayContext, now: datetime) -> ReplayResult:
    """Give the selected letters up: the ledger counts them as dropped, the bus forgets them.

    Raises:
        TransientError: The bus or the ledger did not answer; what was done stays done.
    """
    result = ReplayResult()
    for letters in (await _selected(asked, context, result)).values():
        for sequence, letter in letters.items():
            death = _death(letter)
            if death is not None:
                result.ended += await context.ledger.drop(death, asked.key, now)
            await context.store.delete(sequence)
            result.letters += 1
            result.records += letter.records
    await _count_earlier(result, asked, context)
    return result


async def _selected(
    asked: LetterCommand, context: ReplayContext, result: ReplayResult
) -> Mapping[str | None, dict[int, DeadLetter]]:
    """Return the letters that are meant, by source; those that are missing are refused."""
    found = await context.store.select(asked.collection, asked.selection, asked.before)
    earlier = await context.ledger.settled_by(asked.key)
    if not earlier:
        for sequence in asked.selection.sequences:
            if sequence not in found:
                result.refused[sequence] = GONE
    grouped: dict[str | None, dict[int, DeadLetter]] = {}
    for sequence, letter in found.items():
        known = None if letter.source_version is None else letter.source_id
        grouped.setdefault(known, {})[sequence] = letter
    return grouped


async def _count_earlier(
    result: ReplayResult, asked: LetterCommand, context: ReplayContext
) -> None:
    """Count what an earlier delivery of the command has done already."""
    done = await context.ledger.settled_by(asked.key)
    result.letters = max(result.letters, len(done))
    result.records = max(result.records, sum(letter.records for letter in done))


async def _send_messages(
    letters: Mapping[int, DeadLetter], context: ReplayContext, result: ReplayResult
) -> Steps:
    """Send messages again that tell of no source, so that the ledger has no account of them."""
    for sequence in letters:
        letter = await context.store.get(sequence)
        if letter is None:
            continue
        message = None if letter.is_cut else outgoing_again(letter)
        if message is None:
            result.refused[sequence] = "it is no record and cannot be sent again; drop it"
            continue
        yield [message]
        await context.store.delete(sequence)
        result.letters += 1


async def _replay_one(
    sequence: int,
    reread: RereadLetters,
    asked: LetterCommand,
    context: ReplayContext,
    result: ReplayResult,
) -> Steps:
    letter = await context.store.get(sequence)
    death = _death(letter) if letter else None
    if letter is None or death is None:
        result.refused[sequence] = GONE
        return
    again = reread.get(death.key) or _of_a_batch(letter, death)
    if isinstance(again, Refused):
        result.refused[sequence] = again.reason
        return
    # First the bus, then the ledger: as the last, what is in neither would be forgotten.
    yield map(outgoing_dead_letter, again.left)
    resends = await context.ledger.replay(death, again.resends, asked.key, again.remains)
    if isinstance(resends, Refused):
        result.refused[sequence] = resends.reason
        return
    for resend in resends:
        yield [outgoing_resend(resend)]
    await context.store.delete(sequence)
    result.letters += 1
    result.records += death.records - (again.remains.records if again.remains else 0)


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
