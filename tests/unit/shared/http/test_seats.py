from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.http.seats import FullError, Seats


@dataclass(eq=False)
class One:
    waits_since_s: float | None


def arrive(seats: Seats[One], network: str, since_s: float | None) -> One:
    victim = seats.victim_for(network)
    if victim is not None:
        for name in "abcd":
            seats.leave(name, victim)
    one = One(since_s)
    seats.take(network, one)
    return one


@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.booleans()), max_size=60),
    st.integers(1, 12),
    st.integers(1, 5),
)
def test_no_limit_is_passed_and_nobody_is_refused_for_those_who_wait(
    arrivals: list[tuple[str, bool]], most: int, most_per_network: int
) -> None:
    seats: Seats[One] = Seats(most, most_per_network)
    inside: dict[str, list[One]] = {name: [] for name in "abcd"}

    for number, (network, waits) in enumerate(arrivals):
        before = set(seats.all())
        full: FullError | None = None
        try:
            inside[network].append(arrive(seats, network, float(number) if waits else None))
        except FullError as error:
            full = error
        if full:
            crowd = before & set(inside[network]) if full.is_network else before
            assert all(one.waits_since_s is None for one in crowd)
            assert len(crowd) == (most_per_network if full.is_network else most)
        assert len(seats) == len(seats.all()) <= most
        assert all(seats.of(name) <= most_per_network for name in inside)


def test_a_flood_pushes_out_its_own_oldest_and_nobody_else() -> None:
    seats: Seats[One] = Seats(10, 4)
    other = arrive(seats, "b", 0)
    flood = [arrive(seats, "a", float(number)) for number in range(1, 100)]

    assert set(seats.all()) == {other, *flood[-4:]}


def test_where_the_house_is_full_the_largest_crowd_makes_room() -> None:
    seats: Seats[One] = Seats(5, 4)
    alone = arrive(seats, "b", 0)
    crowd = [arrive(seats, "a", float(number)) for number in range(4)]
    late = arrive(seats, "c", 9)

    assert set(seats.all()) == {alone, late, *crowd[1:]}


def test_whom_we_work_for_is_never_sent_away() -> None:
    seats: Seats[One] = Seats(3, 2)
    for network in "aab":
        arrive(seats, network, None)

    with pytest.raises(FullError, match="of this address"):
        seats.victim_for("a")
    with pytest.raises(FullError) as full:
        seats.victim_for("c")
    assert not full.value.is_network


def test_a_proxy_is_as_many_as_are_behind_it() -> None:
    seats: Seats[One] = Seats(10, 2)
    for _ in range(2):
        arrive(seats, "proxy", 1)

    assert seats.victim_for("proxy", is_limited=False) is None
    assert seats.victim_for("proxy") is not None


def test_a_seat_is_left_once() -> None:
    seats: Seats[One] = Seats(10, 2)
    one, other = arrive(seats, "a", 1), arrive(seats, "a", 1)

    for _ in range(2):
        seats.leave("a", one)

    assert seats.all() == [other]
    assert len(seats) == seats.of("a") == 1
