"""Which collections a replica takes up, and which it gives to another. Pure: no locks, no clock.

Nothing here decides who may write: that is a lock on each collection's folder. So notes of others
that are old or wrong cost time, and never two owners.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

PATIENCE = 10
"""So many looks a free collection is left to those who have fewer."""


@dataclass(frozen=True, slots=True)
class Replica:
    """What another replica says of itself."""

    owns: frozenset[str] = frozenset()
    waits: frozenset[str] = frozenset()
    """Those that it is to work on, too, and does not own."""
    is_awake: bool = True
    """Whether it has looked lately; one that is stopped keeps what it owns, and is given none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What a replica has itself."""

    owned: Collection[str] = ()
    trying: Collection[str] = ()
    """Those that it has begun to take up, and does not own yet."""
    leaving: Collection[str] = ()
    """Those that it still owns, until what is in hand of them is finished."""
    given: Collection[str] = ()
    """Those that it has left to another, which is slow to take them."""
    free_for: Mapping[str, int] = field(default_factory=dict)
    """For how many looks nobody has owned a collection."""
    place: int = 0
    """How many other replicas come before it: they begin with other collections."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What a replica does next."""

    take: Sequence[str] = ()
    drop: Sequence[str] = ()
    """Those that it was taking up, and another owns."""
    give: str | None = None
    """One at a time: the next when others have told what they have now."""
    free: Sequence[str] = ()
    """Those that nobody owned at this look."""


def decide(wanted: Collection[str], has: Holding, others: Sequence[Replica]) -> Step:
    """Say what a replica does, as far as it knows the others.

    Args:
        wanted: The collections that are to be worked on, by whomever.
        has: What it has.
        others: Those that live.

    Returns:
        Who is alone takes all. Else nobody takes more than a fair share, rounded up, of what is
        free, but what stays free is taken by whoever sees that. Who has more than a fair share
        gives one to another that waits for it and has less.
    """
    elsewhere = frozenset[str]().union(*(one.owns for one in others))
    asleep = frozenset[str]().union(*(one.owns for one in others if not one.is_awake))
    concerned = [one for one in others if not (one.owns | one.waits).isdisjoint(wanted)]
    awake = [one for one in concerned if one.is_awake]
    shared, replicas = len(set(wanted) - asleep), 1 + len(awake)
    least, most = shared // replicas, -(-shared // replicas)
    drop = sorted(elsewhere.intersection(has.trying))
    own = {*has.owned, *has.trying} - {*drop}
    free = sorted(set(wanted) - own - elsewhere - {*has.leaving})
    kept_for_others = {*has.given} if awake else set[str]()
    open_to_it = [one for one in _turned(free, has.place, replicas) if one not in kept_for_others]
    take = open_to_it[: max(0, most - len(own))]
    late = [one for one in free if has.free_for.get(one, 0) >= PATIENCE and one not in take]
    give = None if take or late else _given(has.owned, len(own), awake, least, most)
    return Step(take=(*take, *late), drop=drop, give=give, free=free)


def _turned(names: Sequence[str], place: int, replicas: int) -> Sequence[str]:
    """Have each replica begin at another collection."""
    begin = len(names) * min(place, replicas - 1) // replicas
    return [*names[begin:], *names[:begin]]


def _given(
    owned: Collection[str], count: int, awake: Sequence[Replica], least: int, most: int
) -> str | None:
    """Choose what is given up, if anything is, to whoever has least."""
    for other in sorted(awake, key=lambda one: len(one.owns)):
        has_room = len(other.owns) < (most if count > most else least)
        if count > least and has_room and (asked := other.waits.intersection(owned)):
            return min(asked)
    return None
