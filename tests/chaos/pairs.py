"""Which events there are, and an order in which every pair of them comes on the same source.

An event is done to one source that is *unsettled*: it was just written, and its texts are embedded
slowly. A pair is two events on such a source, the second within two seconds of the first. A run
goes through all ordered pairs in random order, then begins again with another order.
"""

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product

EVENTS = {
    "append": "lines are added to the end of the source",
    "replace": "the source gets another content",
    "change-back": "the source gets the content back that it had first",
    "delete": "the source's file is removed",
    "move": "the source's file gets another name in the same folder",
    "forget": "command.forget of the source",
    "replay": "command.replay of the source's dead letters",
    "drop": "command.drop of the source's dead letters",
    "refit": "command.refit with force",
    "rollback": "command.rollback",
    "settings": "discovery starts again with another limit for the length of a line",
    "away": "the embedding server answers 503 for a while",
    "other-vectors": "the embedding server gives other vectors for a while",
    "kill": "SIGKILL of a service or of nats-server",
    "stop": "SIGTERM of a service",
    "second-copy": "a second copy of a service starts, then the first or the second is killed",
    "second-collection": "a source of the same name comes in another collection",
    "stream-lost": "one stream is deleted with what its reader has not read, or the bus loses all",
    "durable-lost": "one durable consumer is deleted, with what it has not read",
    "disk-full": "the disk of the dataset or of the state is full for a while",
}
FAR = ("settings", "stream-lost", "durable-lost")
"""Events that are done to every source that is unsettled at the time."""
LOSSES = frozenset({"stream-lost", "durable-lost"})
"""Events that wait for one another."""
NEAR_S = 2.0
"""How soon after the first the second event of a pair has to come."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two events, one after the other."""

    first: str
    second: str
    gap_s: float
    """Between the beginning of the source and the first, and between both, at most."""

    @property
    def name(self) -> str:
        return f"{self.first} > {self.second}"


def parse_pair(name: str) -> tuple[str, str]:
    """Read ``first > second``; either may be ``*``, which stands for every event."""
    first, _, second = name.partition(" > ")
    if unknown := {first, second} - EVENTS.keys() - {"*"}:
        raise ValueError(f"no such event in {name!r}: {', '.join(sorted(unknown))}")
    return first, second


def is_one_of(pair: Pair, names: Sequence[str]) -> bool:
    """Tell whether a pair is meant by one of these names."""
    return any(
        first in {"*", pair.first} and second in {"*", pair.second}
        for first, second in map(parse_pair, names)
    )


def draw(
    seed: int, pairs: int, classes: Sequence[str] = (), only: Sequence[str] = ()
) -> Iterator[Pair]:
    """Draw pairs: all of them in random order, then again.

    Args:
        seed: The same one gives the same pairs.
        pairs: How many.
        classes: The events to choose from; all of them if empty.
        only: Names of pairs to choose from; all of them if empty.
    """
    chosen = list(classes or EVENTS)
    if unknown := set(chosen) - EVENTS.keys():
        raise SystemExit(f"no such event: {', '.join(sorted(unknown))}")
    dice = random.Random(f"pairs {seed}")
    drawn = 0
    while drawn < pairs:
        deck = [Pair(first, second, 0.0) for first, second in product(chosen, repeat=2)]
        deck = [one for one in deck if not only or is_one_of(one, only)]
        dice.shuffle(deck)
        for one in deck[: pairs - drawn]:
            yield Pair(one.first, one.second, round(dice.uniform(0.1, 1.2), 2))
        drawn += len(deck)


@dataclass(slots=True)
class Matrix:
    """How often each pair took place, on a source that was unsettled at its second event."""

    done: Counter[tuple[str, str]] = field(default_factory=Counter)
    late: Counter[tuple[str, str]] = field(default_factory=Counter)
    """The second event came too late, or the source was settled by then."""

    def missing(self, classes: Sequence[str] = ()) -> list[str]:
        chosen = list(classes or EVENTS)
        every = product(chosen, repeat=2)
        return [f"{first} > {second}" for first, second in every if not self.done[first, second]]

    def rows(self) -> dict[str, dict[str, int]]:
        """Return it as JSON can hold it: first event to second event to number."""
        return {first: {second: self.done[first, second] for second in EVENTS} for first in EVENTS}
