"""Which version of a source a content is, and what of it is to be read."""

from dataclasses import dataclass
from typing import Literal

from services.discovery.domain.cut_rules import CutRules
from services.discovery.domain.ledger import SourceRecord
from services.discovery.domain.segments import BEGINNING, ContentHash, Mark, Segment

Continuation = Literal["same", "grown", "other"]


@dataclass(frozen=True, slots=True)
class BegunVersion:
    """A version of a source that is going to be read, for the first time or again."""

    number: int
    rules: CutRules
    """How it is cut, from its first record to its last."""
    start: Mark = BEGINNING
    """Up to where it was read."""
    segments: tuple[Segment, ...] = ()
    """What is to be read, in order."""
    max_dead_share: float | None = None
    """How much of it may be dead for it to replace another one; None: all."""
    is_renewal: bool = False
    """Whether a job has it read anew: what is shown stays so until all of it is there."""
    is_fresh: bool = False
    """Whether vectors that are known from before are passed by."""


def continuation(known: SourceRecord, content: ContentHash, rules: CutRules) -> Continuation:
    """Decide whether a content is the version that is known, or more of it, or another one.

    What is not read to its end goes on as it was cut until then, whatever the settings say now:
    half of a version by one rule and half by another would lose records, or have them twice. If
    nobody knows how it was cut, or the reader is another one, it has to be read anew as a whole.
    What was replayed has numbers that come after all others, so nothing can be counted on.
    """
    if known.renewal == "wanted":
        return "other"
    can_go_on = known.rules is not None and known.rules.reader == rules.reader
    if known.fingerprint is not None and known.fingerprint == content.whole:
        return "same" if known.is_read or can_go_on else "other"
    is_longer = known.fingerprint is not None and known.fingerprint == content.begin
    if is_longer and can_go_on and not known.is_forgotten and not known.replays:
        return "grown"
    return "other"
