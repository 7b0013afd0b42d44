"""Reads a source again for the dead letters of its unreadable parts."""

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import datetime

from services.discovery.domain.batching import Cut, cut_batches
from services.discovery.domain.dead_letters import (
    Refused,
    Remains,
    Resend,
    replay_batch_id,
    why_not_now,
)
from services.discovery.domain.ledger import SourceRecord
from services.discovery.domain.rereading import Readable, Rereader
from services.discovery.domain.sources import SourceStat
from services.discovery.handlers.accounts import death_of
from services.discovery.handlers.contents import LIMITS, reread
from services.discovery.handlers.read import STAGE, batch_of, letter_of
from services.discovery.handlers.resend import resend_of
from services.discovery.ports import (
    Content,
    LetterLedger,
    SourceChangedError,
    SourceFormat,
    SourceRepository,
    SourceUnreadableError,
    StateStore,
)
from shared.clock import Clock
from shared.contracts.batches import BatchDescriptor
from shared.contracts.dead_letters import DeadLetter, spell_spans


@dataclass(frozen=True, slots=True)
class Again:
    """What is sent for a letter."""

    resends: Sequence[Resend]
    left: Sequence[DeadLetter] = ()
    """What of it still cannot be read, as letters of their own."""
    remains: Remains | None = None
    """The same for the ledger."""


RereadLetters = Mapping[str, Again | Refused]
"""Key of a letter to what is sent for it, or why nothing can be."""
UNKNOWN = "the ledger does not know it; drop it"


class SourceRereader:
    """Makes batches of what the reader can read now and could not read before."""

    def __init__(
        self,
        repository: SourceRepository,
        store: StateStore,
        ledger: LetterLedger,
        clock: Clock,
    ) -> None:
        self._clock = clock
        self._repository = repository
        self._store = store
        self._ledger = ledger

    async def __call__(self, source_id: str, letters: Sequence[DeadLetter]) -> RereadLetters:
        """Read a source again, once for all letters; those of other stages need no reading.

        Raises:
            TransientError: The ledger could not be read.
        """
        lines = [one for one in letters if one.stage == STAGE and one.batch_id is None]
        deaths = [death_of(one, source_id, one.source_version or 0) for one in lines]
        if not deaths:
            return {}
        source = (await self._store.get([source_id])).get(source_id)
        reasons = {death.key: why_not_now(source, death.source_version) for death in deaths}
        refused: dict[str, Again | Refused] = {
            key: reason for key, reason in reasons.items() if reason is not None
        }
        wanted = frozenset(reasons.keys() - refused.keys())
        if source is None or not wanted:
            return refused
        try:
            made = await self._read(source, wanted)
        except SourceChangedError:
            why = f"'{source.filename}' has changed since; it will be read whole as it is now"
            return refused | dict.fromkeys(wanted, Refused(why))
        except SourceUnreadableError as error:
            return refused | dict.fromkeys(wanted, Refused(str(error)))
        now = self._clock.now()
        return refused | {
            key: Refused(found) if isinstance(found, str) else _again(source, key, found, now)
            for key, found in made.items()
        }

    async def _read(
        self, source: SourceRecord, wanted: frozenset[str]
    ) -> dict[str, Readable | str]:
        """Read the source's present version.

        Raises:
            SourceUnreadableError: It is not there, or cannot be read.
            SourceChangedError: Its content is another one.
        """
        stat = await self._stat(source)
        parts = await self._ledger.unreadable(source.source_id)
        known = wanted & {part.key for part in parts}
        reader = Rereader(source.filename, parts, known)
        content, kind = self._open(stat, source), self._kind(stat, source)
        await reread(content, kind, reader, source.fingerprint)
        return dict.fromkeys(wanted - known, UNKNOWN) | reader.finish()

    def _open(self, stat: SourceStat, source: SourceRecord) -> Content:
        """Leave out what came to the source and is not read yet."""
        size = stat.size if source.content_size is None else min(stat.size, source.content_size)
        return self._repository.open(replace(stat, size=size))

    def _kind(self, stat: SourceStat, source: SourceRecord) -> SourceFormat:
        """What could be read the first time has to be readable again, to be counted."""
        kind = self._repository.format_of(stat)
        before = source.rules.max_line_bytes if source.rules else 0
        return kind.limited(max(kind.max_line_bytes, before))

    async def _stat(self, source: SourceRecord) -> SourceStat:
        # The ledger spells odd bytes of a path out, so such a path can only be found by listing.
        changed = None if "\\" in source.path else frozenset({source.path})
        async with aclosing(self._repository.list_sources(changed)) as listed:
            async for stat in listed:
                if isinstance(stat, SourceStat) and stat.source_id == source.source_id:
                    return stat
        raise SourceUnreadableError(f"{source.path} is not there any more; put it back")


def _again(source: SourceRecord, key: str, found: Readable, now: datetime) -> Again:
    cuts = cut_batches(found.records, LIMITS)
    resends = [_resend(source, key, cut, now) for cut in cuts]
    if not found.left:
        return Again(resends)
    turn = source.replays + 1
    left = [
        replace(letter, key=f"{letter.key}:again{turn}")
        for letter in (letter_of(run, source, source.source_version) for run in found.runs())
    ]
    deaths = tuple(death_of(one, source.source_id, source.source_version) for one in left)
    return Again(resends, left, Remains(deaths, spell_spans(found.spans)))


def _resend(source: SourceRecord, key: str, cut: Cut, now: datetime) -> Resend:
    descriptor = BatchDescriptor(
        collection=source.collection,
        batch_id=replay_batch_id(key, cut.index),
        source_id=source.source_id,
        filename=source.filename,
        fingerprint=source.fingerprint or "",
        source_version=source.source_version,
        index=cut.index,
        is_last=False,
        records=len(cut.records),
        can_wait=True,
    )
    return resend_of(batch_of(descriptor, cut.records, now), STAGE)
