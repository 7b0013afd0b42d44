"""Which ledger, which state of projection and which dataset belong together, and how new each is.

Each of the three is a state on a disk of its own, and any of them may be lost, be a backup of
yesterday or belong to another installation. So each has an id and *openings*: whenever it is
opened after it has changed, it adds one, with a random id and the position that it had then. Each
remembers the last opening of the other that it heard of. Who has not the opening that the other
remembers, or has gone on from before what it remembers, is not what the other knew.

The dataset is the middle: ledger and projection are compared with it, and not with each other.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from uuid import uuid4

MOST_OPENINGS = 1000
"""So many are kept and told, the newest: nobody is away for so many starts that did something."""
SENT_ALONG = 4
"""So many go with what is sent, the newest first."""
DATASET = "writing"
"""Who owns the one that the others are compared with."""


class Verdict(StrEnum):
    """What the comparison of an owner's state with the dataset says."""

    TOGETHER = "together"
    OWNER_LOST = "it begins anew, and the dataset does not"
    OWNER_OLDER = "it is older than the one that the dataset knows"
    OWNER_OTHER = "it is not the one that the dataset knows"
    DATASET_LOST = "the dataset begins anew, and it does not"
    DATASET_OLDER = "the dataset is older than the one that it knows"
    DATASET_OTHER = "the dataset is not the one that it knows"


@dataclass(frozen=True, slots=True)
class Opening:
    """A time from one start on."""

    id: str
    began: int
    """The position of the state then."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What was last heard of another state."""

    history: str
    opening: str
    position: int
    openings: tuple[str, ...] = ()
    """Ids of all openings that it told; only the dataset keeps them."""


@dataclass(frozen=True, slots=True)
class History:
    """Where a state comes from, and what it remembers of the others."""

    id: str
    openings: tuple[Opening, ...]
    """The newest last; at least one."""
    position: int
    """Grows with whatever is changed."""
    remembered: Mapping[str, Memory] = field(default_factory=dict)
    """By the service that owns the other."""
    is_renewed: bool = False
    """Whether it was made again from the dataset, or for it, and the dataset was not told yet."""

    @property
    def newest(self) -> Opening:
        """The present opening."""
        return self.openings[-1]

    @property
    def sent_along(self) -> tuple[str, ...]:
        """What goes with all that is sent: the newest openings, the present one first."""
        return tuple(one.id for one in reversed(self.openings[-SENT_ALONG:]))

    @property
    def seen(self) -> Memory | None:
        """What is remembered of the dataset."""
        return self.remembered.get(DATASET)

    def opening_at(self, position: int) -> str:
        """Return the id of the opening in which a position was reached, or of the oldest known.

        Two pasts that have both been at a position have been there in different openings.
        """
        began = [one for one in self.openings if one.began < position]
        return (began or self.openings)[-1 if began else 0].id

    def as_memory(self) -> Memory:
        """Return what another one is to remember."""
        ids = tuple(one.id for one in self.openings)
        return Memory(self.id, self.newest.id, self.position, ids)

    def at(self, position: int) -> "History":
        """Return it with another position."""
        return replace(self, position=position)

    def remembering(self, owner: str, memory: Memory) -> "History":
        """Return it with what was heard of another one, which is compared from now on."""
        return replace(self, remembered={**self.remembered, owner: memory}, is_renewed=False)

    def renewed(self) -> "History":
        """Return the history of a state that was made anew: nobody's memory is of it."""
        return History(self.id, (_opening(self.position),), self.position, is_renewed=True)

    def spell(self) -> str:
        """Write it as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, document: str) -> "History":
        """Read what ``spell`` wrote.

        Raises:
            ValueError: It is none.
        """
        try:
            told = json.loads(document)
            openings = tuple(
                Opening(str(one["id"]), int(one["began"])) for one in told["openings"]
            )
            remembered = {
                owner: Memory(
                    one["history"], one["opening"], one["position"], tuple(one["openings"])
                )
                for owner, one in told["remembered"].items()
            }
            return cls(
                id=str(told["id"]),
                openings=openings,
                position=int(told["position"]),
                remembered=remembered,
                is_renewed=bool(told["is_renewed"]),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"it is no history: {error!r}") from error


def opened(before: History | None, position: int) -> History:
    """Return the history of a state that is opened, which was at this position.

    One that is as it was at the last opening is in that opening still.
    """
    if before is None:
        return History(uuid4().hex, (_opening(position),), position)
    if position == before.newest.began:
        return before.at(position)
    openings = (*before.openings, _opening(position))[-MOST_OPENINGS:]
    return replace(before, openings=openings, position=position)


def judge(owner: str, told: History, dataset: History, *, holds_rows: bool = False) -> Verdict:
    """Compare an owner's state with the dataset, by what each remembers of the other.

    Args:
        owner: The service that owns the state.
        told: Its history, at its present position.
        dataset: The history of the dataset, at its present position.
        holds_rows: Whether the state says that the dataset has rows.
    """
    if told.is_renewed:
        return Verdict.TOGETHER
    memory, seen = dataset.remembered.get(owner), told.seen
    if seen is None:
        return _of_new(told, dataset, memory, holds_rows=holds_rows)
    if memory is None or not has_been(dataset, seen):
        if not dataset.position:
            return Verdict.DATASET_LOST
        is_same = dataset.id == seen.history
        return Verdict.DATASET_OLDER if is_same else Verdict.DATASET_OTHER
    if has_been(told, memory):
        return Verdict.TOGETHER
    return Verdict.OWNER_OLDER if told.id == memory.history else Verdict.OWNER_OTHER


def _of_new(
    told: History, dataset: History, memory: Memory | None, *, holds_rows: bool
) -> Verdict:
    """Judge an owner that has never heard of any dataset."""
    if memory is not None:
        return Verdict.TOGETHER if has_been(told, memory) else Verdict.OWNER_LOST
    if dataset.position and not told.position:
        return Verdict.OWNER_LOST
    if holds_rows and not dataset.position:
        return Verdict.DATASET_LOST
    return Verdict.TOGETHER


def has_been(state: History, memory: Memory) -> bool:
    """Tell whether a state has been at what another one remembers, and has only gone on since."""
    if state.id != memory.history:
        return False
    ids = [one.id for one in state.openings]
    if memory.opening not in ids:
        return False
    after = ids.index(memory.opening) + 1
    end = state.openings[after].began if after < len(ids) else state.position
    return memory.position <= end


def _opening(position: int) -> Opening:
    return Opening(uuid4().hex[:16], position)
