"""What is known to be red, and the rounds of a run that goes around it.

``known_red.toml`` is the one place where that stands. An entry leaves out pairs; or, of the
rounds in which its pairs come, one check; or, in them, sources of more batches than the streams
hold, or the loss of some streams. Each can be removed alone, and then the run ends at what it
says.
"""

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.pairs import FAR, Pair, is_one_of

FILE = Path(__file__).with_suffix(".toml")


@dataclass(frozen=True, slots=True)
class Red:
    """Something that is wrong in the product, seen, and not mended yet."""

    name: str
    reason: str
    run: str
    """The command that shows it."""
    said: str
    """What that command printed."""
    pairs: Sequence[str]
    check: str | None = None
    """The check that is left out of rounds with these pairs; none: the pairs are left out."""
    is_of_many: bool = False
    """Whether it needs a source of several batches: then these pairs come on small ones."""
    streams: Sequence[str] = ()
    """The streams of whose loss it comes: then they are not lost in rounds with these pairs."""

    @property
    def is_of_pairs(self) -> bool:
        """Whether the pairs themselves are left out."""
        return not (self.check or self.is_of_many or self.streams)


@dataclass(frozen=True, slots=True)
class Round:
    """Pairs that are done at about the same time, and how they are looked at afterwards."""

    pairs: Sequence[Pair]
    is_small: bool = False
    """Whether no source has more batches than the streams hold."""
    without: frozenset[str] = frozenset()
    """The checks that are left out."""
    spared: frozenset[str] = frozenset()
    """The streams that are not lost."""
    kind: frozenset[str] = frozenset()
    """The far-reaching events in it."""


def known_red(file: Path = FILE) -> list[Red]:
    """Read the list."""
    return [Red(**entry) for entry in tomllib.loads(file.read_text()).get("red", [])]


def plan(pairs: Sequence[Pair], red: Sequence[Red], each: int) -> Iterator[Round]:
    """Put pairs into rounds.

    An event that is done to all sources meets the events of other pairs of its round, too, and
    what is left out is left out of a whole round. So, if anything is known to be red, only pairs
    with the same far-reaching events share a round, of which the same is left out.

    Args:
        pairs: In their order.
        red: What to go around.
        each: Pairs in a round, at most.
    """
    if not red:
        yield from (Round(part) for part in _parts(pairs, each))
        return
    left_out = [name for one in red if one.is_of_pairs for name in one.pairs]
    groups: dict[tuple[frozenset[str], frozenset[str]], list[Pair]] = {}
    for pair in pairs:
        if not is_one_of(pair, left_out):
            kind = frozenset({pair.first, pair.second}.intersection(FAR))
            names = frozenset(one.name for one in red if is_one_of(pair, one.pairs) and one.check)
            groups.setdefault((kind, names), []).append(pair)
    for (kind, _), group in groups.items():
        for part in _parts(group, each):
            met = [one for one in red if any(is_one_of(pair, one.pairs) for pair in part)]
            yield Round(
                part,
                is_small=any(one.is_of_many for one in met),
                without=frozenset(one.check for one in met if one.check),
                spared=frozenset(name for one in met for name in one.streams),
                kind=kind,
            )


def _parts(pairs: Sequence[Pair], each: int) -> Iterator[Sequence[Pair]]:
    return (pairs[start : start + each] for start in range(0, len(pairs), each))
