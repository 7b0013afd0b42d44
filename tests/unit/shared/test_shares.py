"""Fair shares of collections, as replicas come to them that know of each other only by notes."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.shares import PATIENCE, Holding, Replica, Step, decide

ROUNDS = 60


@dataclass
class Simulated:
    """A replica that does at once what is decided, as far as the locks let it."""

    place: int
    owned: set[str] = field(default_factory=set)
    trying: set[str] = field(default_factory=set)
    given: set[str] = field(default_factory=set)
    free_for: dict[str, int] = field(default_factory=dict)

    def look(self, wanted: Sequence[str], others: Sequence[Replica], locked: set[str]) -> Step:
        if not others:
            self.given.clear()
        has = Holding(
            owned=self.owned, trying=self.trying, given=self.given,
            free_for=self.free_for, place=self.place,
        )  # fmt: skip
        step = decide(wanted, has, others)
        self.free_for = {one: self.free_for.get(one, 0) + 1 for one in step.free}
        self.trying = self.trying.difference(step.drop).union(step.take)
        self.given -= {*step.take}
        got = self.trying - locked
        self.trying -= got
        self.owned |= got
        locked |= got
        if step.give is not None:
            self.owned.remove(step.give)
            locked.remove(step.give)
            self.given.add(step.give)
        return step

    def note(self, wanted: Sequence[str]) -> Replica:
        return Replica(frozenset(self.owned), frozenset({*wanted} - self.owned))


@dataclass
class World:
    wanted: Sequence[str]
    replicas: list[Simulated]
    is_stale: bool = False
    """Whether all see what the others had before a round, else what they have just now."""

    def round(self) -> bool:
        """Have each look once; tell whether anybody did anything."""
        before = [one.note(self.wanted) for one in self.replicas]
        busy = False
        for number, one in enumerate(self.replicas):
            now = before if self.is_stale else [each.note(self.wanted) for each in self.replicas]
            others = [note for other, note in enumerate(now) if other != number]
            locked = set[str]().union(*(each.owned for each in self.replicas))
            step = one.look(self.wanted, others, locked)
            busy = busy or bool(step.take or step.drop or step.give)
        return busy

    def settle(self) -> None:
        for _ in range(ROUNDS):
            is_busy = self.round()
            if not is_busy and not any(one.trying or one.free_for for one in self.replicas):
                return
        pytest.fail(f"no end of it: {self.replicas}")

    def owned(self) -> list[str]:
        return sorted(name for one in self.replicas for name in one.owned)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    wanted = [f"c{number}" for number in range(draw(st.integers(0, 12)))]
    count = draw(st.integers(1, 4))
    owners = draw(st.lists(st.integers(-1, count - 1), min_size=len(wanted), max_size=len(wanted)))
    replicas = [
        Simulated(
            place, {name for name, owner in zip(wanted, owners, strict=True) if owner == place}
        )
        for place in range(count)
    ]
    return World(wanted, replicas, draw(st.booleans()))


@given(worlds())
def test_all_are_owned_once_and_by_fair_shares_and_then_there_is_peace(world: World) -> None:
    world.settle()

    assert world.owned() == sorted(world.wanted)
    least = len(world.wanted) // len(world.replicas)
    for one in world.replicas:
        assert least <= len(one.owned) <= least + (len(world.wanted) % len(world.replicas) > 0)


@given(worlds(), st.data())
def test_what_a_dead_one_had_is_taken_over_and_it_has_its_share_again(
    world: World, data: st.DataObject
) -> None:
    world.settle()
    if len(world.replicas) > 1:
        world.replicas.remove(data.draw(st.sampled_from(world.replicas)))
    for one in world.replicas:
        one.trying.clear()
    world.settle()
    assert world.owned() == sorted(world.wanted)

    world.replicas.append(Simulated(4))
    world.settle()
    assert world.owned() == sorted(world.wanted)
    assert len(world.replicas[-1].owned) >= len(world.wanted) // len(world.replicas)


def test_who_is_alone_takes_all_at_once() -> None:
    assert decide(["a", "b"], Holding(), []).take == ("a", "b")


def test_one_of_two_takes_half_and_they_begin_at_different_ones() -> None:
    other = Replica(waits=frozenset("abcd"))

    first = decide("abcd", Holding(place=0), [other])
    second = decide("abcd", Holding(place=1), [other])

    assert (first.take, second.take) == (("a", "b"), ("c", "d"))


def test_who_has_all_gives_one_at_a_time_down_to_a_share_however_old_the_notes_are() -> None:
    other, owned, given = Replica(waits=frozenset("abcd")), {*"abcd"}, list[str]()
    while (one := decide("abcd", Holding(owned=owned, given=given), [other]).give) is not None:
        owned.remove(one)
        given.append(one)

    assert given == ["a", "b"]


def test_nothing_is_given_to_one_that_is_stopped_and_what_it_owns_is_left_to_it() -> None:
    stopped = Replica(owns=frozenset("d"), waits=frozenset("abc"), is_awake=False)

    step = decide("abcd", Holding(owned="ab"), [stopped])

    assert (step.give, step.take) == (None, ("c",))


def test_nothing_is_given_to_one_that_does_not_wait_for_it() -> None:
    assert decide("abcd", Holding(owned="abcd"), [Replica(waits=frozenset("x"))]).give is None


def test_what_was_given_and_nobody_takes_is_taken_again_after_a_while() -> None:
    other = Replica(owns=frozenset("c"), waits=frozenset("ab"))

    def taken(looks: int) -> Sequence[str]:
        has = Holding(owned="b", given="a", free_for={"a": looks})
        return decide("abc", has, [other]).take

    assert taken(PATIENCE - 1) == ()
    assert taken(PATIENCE) == ("a",)


def test_what_another_has_got_first_is_dropped() -> None:
    step = decide("ab", Holding(trying="ab"), [Replica(owns=frozenset("a"))])

    assert (step.drop, step.take) == (["a"], ())
