"""Dead letters in the ledger: what became of each, and whether it may be sent again."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from services.discovery.domain.batch_accounts import BatchAccount
from services.discovery.domain.ledger import Death, SourceRecord

Fate = Literal["dead", "replayed", "dropped"]


@dataclass(frozen=True, slots=True)
class Letter:
    """What the ledger knows of a dead letter of a source's present version."""

    key: str
    """Unique over all stages."""
    source_id: str
    batch_id: str | None
    records: int
    byte_offset: int | None = None
    """Of an unreadable part of a source: where it begins."""
    size: int = 0
    """How many bytes that part has."""
    fate: Fate = "dead"
    command: str | None = None
    """The command that had it replayed or dropped."""
    turn: int | None = None
    """Which of the source's replays it was, from 1."""
    spans: str = ""
    """What of it is unreadable, ``begin+size`` each; nothing: all of it."""

    @classmethod
    def of(cls, death: Death) -> "Letter":
        """Enter a death."""
        return cls(
            death.key,
            death.source_id,
            death.batch_id,
            death.records,
            death.byte_offset,
            death.size,
            spans=death.spans,
        )

    @property
    def stretches(self) -> list[tuple[int, int]]:
        """Where in its source each unreadable stretch of it begins and ends."""
        begin = self.byte_offset or 0
        pairs = [span.split("+") for span in self.spans.split()] or [[begin, self.size]]
        return [(int(first), int(first) + int(size)) for first, size in pairs]


@dataclass(frozen=True, slots=True)
class Resend:
    """A batch that is sent again for a dead letter."""

    collection: str
    batch_id: str
    """The same as before if it died whole, else one of its own."""
    records: int
    stage: str
    """The stage that is to read it."""
    message_id: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Remains:
    """What of a run of lines still cannot be read, while the others are sent again."""

    deaths: tuple[Death, ...]
    spans: str
    """Of what is sent again."""

    @property
    def records(self) -> int:
        """How many of the letter's records stay dead."""
        return sum(death.records for death in self.deaths)

    def taken_from(self, letter: Letter) -> Letter:
        """Return the letter without them."""
        return replace(letter, records=letter.records - self.records, spans=self.spans)


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a dead letter cannot be sent again."""

    reason: str


def replay_batch_id(letter_key: str, index: int = 0) -> str:
    """Hash what identifies a batch that is made of a dead letter: always the same."""
    return hashlib.sha256(json.dumps(["replay", letter_key, index]).encode()).hexdigest()


def is_whole(death: Death, resends: Sequence[Resend]) -> bool:
    """Tell whether a batch that died whole is sent again as it was."""
    return any(resend.batch_id == death.batch_id for resend in resends)


def why_not_now(source: SourceRecord | None, source_version: int) -> Refused | None:
    """Say what keeps the letters of a source's version from being sent again, if anything."""
    if source is None:
        return Refused("its source is not in the ledger any more; drop it")
    if source.is_forgotten:
        return Refused(f"'{source.filename}' was forgotten; drop it")
    if source.source_version != source_version:
        return Refused(
            f"'{source.filename}' has changed since: it is of version {source_version}, and "
            f"version {source.source_version} was read whole; drop it"
        )
    if not (source.was_completed or source.is_held):
        return Refused(f"'{source.filename}' is still being mapped; replay it when that is done")
    return None


def why_not(letter: Letter | None, account: BatchAccount | None, told_dead: int) -> Refused | None:
    """Say why a letter must not be sent again, if so: its record may be on the map.

    Args:
        letter: What the ledger knows of it.
        account: That of its batch, if it is of one and the account still exists.
        told_dead: Records of all dead letters of that batch.
    """
    if letter is None:
        return Refused("the ledger counts it as mapped: a later try has succeeded; drop it")
    if letter.fate == "dropped":
        return Refused("it was dropped")
    if letter.batch_id is None or letter.fate == "replayed":
        return None
    dead = account.dead if account else 0
    if not dead and told_dead:
        return Refused("a later try has mapped it; drop it")
    if dead != told_dead:
        return Refused(
            f"{told_dead} records of its batch have died, of which {told_dead - dead} were mapped "
            "by a later try, and nobody knows which: change the source to have it read again"
        )
    return None
