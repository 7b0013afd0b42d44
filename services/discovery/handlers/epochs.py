"""Tells the sendings of a source apart, for the bus to take what it has seen before."""

from collections.abc import Callable
from dataclasses import dataclass, field

from shared.clock import Clock
from shared.contracts.batches import Batch


@dataclass(frozen=True, slots=True)
class Epochs:
    """In which epoch each source is sent: the first, or a later one if the bus has lost it.

    A stream drops for a while what has the id of a message that it knew, be that lost further on
    or not. So the ids of what is sent again carry the epoch; the ids of the batches do not, and
    by these every stage knows what it has already.
    """

    clock: Clock
    _of: dict[str, int] = field(default_factory=dict)
    opened: dict[str, Callable[[], tuple[str, ...]]] = field(default_factory=dict)
    """By collection, the openings of the ledger that go with what is sent."""

    def begin(self, source_id: str) -> int:
        """Begin another epoch of a source, and return it."""
        now = int(self.clock.now().timestamp())
        self._of[source_id] = max(now, self._of.get(source_id, 0) + 1)
        return self._of[source_id]

    def date(self, batch: Batch) -> Batch:
        """Write into a batch in which epoch it is sent, and by which ledger."""
        facts = batch.descriptor
        opened = self.opened.get(facts.collection, _none)
        return batch.of_epoch(self._of.get(facts.source_id, 0), opened())


def _none() -> tuple[str, ...]:
    return ()
