"""How much a stage may give up: above a share of what it handles, the deployment is broken.

Pure: no bus, no clock. What discovery gives up does not count: an unreadable line is the fault of
its file, and a file of rubbish must not keep good ones from being read.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from shared.bus.messages.headers import RECORDS, header_number
from shared.bus.messages.outgoing import Outgoing
from shared.bus.registry.dead_letters import DEAD, DEAD_DISCOVERY
from shared.contracts.batches import ARROW
from shared.errors import TransientError

WINDOW = 200
"""So many outcomes are looked back on; each is a batch that passed, or a letter."""
LETTERS = frozenset(channel for channel in DEAD.values() if channel is not DEAD_DISCOVERY)


class DeadLetterRefusedError(TransientError):
    """Too much has died already: the message stays on the bus, and is tried again."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of some records."""

    records: int
    """At least 1: a letter about none is a whole message."""
    is_dead: bool


@dataclass(slots=True)
class DeadLetterLimit:
    """Refuses dead letters that would be too large a share of the last outcomes.

    Messages whose letters are refused stay on the bus and are tried again, so what is well passes,
    and what was mended passes too: that brings the share down, and ends the halt.
    """

    max_share: float = 0.5
    min_letters: int = 20
    """Fewer are a matter of single records, whatever their share."""
    halted: str | None = None
    """Why nothing more is given up at present, if so."""
    _outcomes: deque[Outcome] = field(default_factory=lambda: deque(maxlen=WINDOW))

    @property
    def share(self) -> float:
        """Share of the dead among the records of the last outcomes."""
        return _share(self._outcomes)

    def admit(self, outcomes: Iterable[Outcome]) -> None:
        """Take note of what came of a message, before any of it is published.

        Raises:
            DeadLetterRefusedError: Too much would be dead; nothing was noted.
        """
        fresh = list(outcomes)
        after = deque([*self._outcomes, *fresh], maxlen=WINDOW)
        has_dead = any(one.is_dead for one in fresh)
        letters = sum(one.is_dead for one in after)
        if has_dead and letters >= self.min_letters and _share(after) > self.max_share:
            self.halted = (
                f"{_share(after):.0%} of the last records would be dead, the limit is "
                f"{self.max_share:.0%}: nothing more is given up, the messages wait on the bus "
                "and are tried again; mend the cause (see: mapstream dead list), or raise "
                "nats.max_dead_share"
            )
            raise DeadLetterRefusedError(self.halted)
        self._outcomes = after
        if self.share <= self.max_share:
            self.halted = None


@dataclass(slots=True)
class DeadLetterLimits:
    """A limit for each collection: one that would give up too much halts alone."""

    max_share: float = 0.5
    min_letters: int = 20
    _of: dict[str, DeadLetterLimit] = field(default_factory=dict)

    def of(self, collection: str) -> DeadLetterLimit:
        """Return the limit of a collection."""
        fresh = DeadLetterLimit(self.max_share, self.min_letters)
        return self._of.setdefault(collection, fresh)

    def leave(self, collection: str) -> None:
        """Forget a collection that is worked on no more."""
        self._of.pop(collection, None)

    @property
    def halted(self) -> str | None:
        """Why nothing more is given up of some collections at present, if so; it names them."""
        halted = {name: one.halted for name, one in self._of.items() if one.halted}
        told = (f"collection '{name}': {halted[name]}" for name in sorted(halted))
        return "; ".join(told) or None


def outcomes_of(messages: Iterable[Outgoing]) -> list[Outcome]:
    """Return what messages say of the records that they are about."""
    found = []
    for message in messages:
        records = header_number(message.headers.get(RECORDS))
        if message.channel in LETTERS:
            found.append(Outcome(max(1, records or 0), is_dead=True))
        elif message.channel.content_type == ARROW and records:
            found.append(Outcome(records, is_dead=False))
    return found


def _share(outcomes: Iterable[Outcome]) -> float:
    told = list(outcomes)
    total = sum(one.records for one in told)
    return sum(one.records for one in told if one.is_dead) / total if total else 0.0
