"""What came and is not known to be stored yet, and what becomes of it when writing tells.

Vectors count when they come, for the first model cannot wait. Until writing has told what it
stores, they are kept: so what counted and is not stored leaves the moments again as it came.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto


@dataclass(frozen=True, slots=True)
class Candidate:
    """Vectors that came for a batch, and that may be those that are stored."""

    batch_id: str
    source_id: str
    source_version: int
    records: int
    checksum: str
    is_counted: bool
    """At most one candidate of a batch is."""


class Fate(Enum):
    """What writing made of a batch."""

    STORED = auto()
    STAGED = auto()
    """It waits beside what is stored, and is told again when its version is shown or put aside."""
    SUPERSEDED = auto()
    """A newer version of its source is known."""
    REFUSED = auto()
    """What came can never be stored; what is sent anew may be."""


@dataclass(frozen=True, slots=True)
class Told:
    """What is stored of one batch now."""

    batch_id: str
    source_id: str
    source_version: int
    fate: Fate
    records: int
    checksum: str


@dataclass(frozen=True, slots=True)
class Doubt:
    """A batch that is stored with vectors that never came here."""

    batch_id: str
    source_id: str
    source_version: int
    records: int
    checksum: str


@dataclass(frozen=True, slots=True)
class Floor:
    """The lowest version of a source that counts when it comes."""

    version: int
    is_forgotten: bool = False
    """Whether this version is the one that forgets the source."""

    def raised(self, other: "Floor") -> "Floor":
        """Return the higher of the two."""
        if self.version != other.version:
            return max(self, other, key=lambda one: one.version)
        return Floor(self.version, self.is_forgotten or other.is_forgotten)


@dataclass(slots=True)
class Resolution:
    """What follows from what was told."""

    closed: list[Candidate] = field(default_factory=list)
    """These wait for nothing any more."""
    taken_out: list[Candidate] = field(default_factory=list)
    """These were counted and are not stored."""
    taken_in: list[Candidate] = field(default_factory=list)
    """These are stored and were not counted."""
    is_gone: list[str] = field(default_factory=list)
    """Batches that never count again."""
    is_open: list[str] = field(default_factory=list)
    """Batches that do not count now, but may when they are sent again."""
    doubts: list[Doubt] = field(default_factory=list)


def floors_of(told: Iterable[Told]) -> dict[str, Floor]:
    """Say below which versions nothing can be stored any more; of first versions, nothing."""
    floors: dict[str, Floor] = {}
    for one in told:
        if one.fate is Fate.STORED and one.source_version > 1:
            floor = Floor(one.source_version)
            floors[one.source_id] = floors.get(one.source_id, floor).raised(floor)
    return floors


def resolve(
    told: Sequence[Told], known: Mapping[str, bool], candidates: Sequence[Candidate]
) -> Resolution:
    """Decide what becomes of candidates.

    Args:
        told: In the order in which it was told; of a batch the last one holds.
        known: Batches that were ever counted, and whether each still is.
        candidates: Those of these batches, and of older versions of their sources.
    """
    result = Resolution()
    waiting = defaultdict[tuple[str, int], list[Candidate]](list)
    for one in candidates:
        waiting[one.batch_id, one.source_version].append(one)
    for one in {(one.batch_id, one.source_version): one for one in told}.values():
        if one.fate is not Fate.STAGED:
            _settle(one, known, waiting.pop((one.batch_id, one.source_version), []), result)
    floors = floors_of(told)
    for (batch_id, version), some in waiting.items():
        floor = floors.get(some[0].source_id)
        if floor and version < floor.version:
            _drop(some, result)
            result.is_gone.append(batch_id)
    return result


def _settle(
    told: Told, known: Mapping[str, bool], waiting: Sequence[Candidate], result: Resolution
) -> None:
    if told.fate is Fate.STORED and told.records:
        _keep(told, known, waiting, result)
    elif waiting:
        _drop(waiting, result)
        is_final = told.fate is not Fate.REFUSED
        (result.is_gone if is_final else result.is_open).append(told.batch_id)


def _keep(
    told: Told, known: Mapping[str, bool], waiting: Sequence[Candidate], result: Resolution
) -> None:
    if not waiting and told.batch_id in known:
        return  # told before, counted before there were candidates, or retracted since
    right = [one for one in waiting if one.checksum == told.checksum]
    result.closed += waiting
    result.taken_out += [one for one in waiting if one.is_counted and one not in right]
    result.taken_in += [one for one in right if not one.is_counted]
    if not right:
        result.is_open.append(told.batch_id)
        result.doubts.append(
            Doubt(told.batch_id, told.source_id, told.source_version, told.records, told.checksum)
        )


def _drop(waiting: Sequence[Candidate], result: Resolution) -> None:
    result.closed += waiting
    result.taken_out += [one for one in waiting if one.is_counted]
