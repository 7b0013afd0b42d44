"""What is known to be red is named exactly, and nothing else is left out."""

from dataclasses import replace
from itertools import product

import pytest

from tests.chaos.comparing import CHECKS
from tests.chaos.known_red import Red, known_red, plan
from tests.chaos.losing import READERS
from tests.chaos.pairs import EVENTS, FAR, Pair, draw, is_one_of, parse_pair

RED = known_red()


def test_every_entry_names_what_there_is_and_says_how_to_see_it() -> None:
    for red in RED:
        assert red.pairs
        for name in red.pairs:
            parse_pair(name)
        assert red.check is None or red.check in CHECKS
        assert set(red.streams) <= READERS.keys()
        assert sum(map(bool, (red.check, red.is_of_many, red.streams, red.is_of_pairs))) == 1
        assert "--with-known-red" in red.run
        assert red.run.startswith("make pairs SEED=")
        assert len(red.reason) > 40
        assert red.said


def test_only_a_part_is_left_out_of_every_pair_of_an_event() -> None:
    for red in RED:
        assert not red.is_of_pairs or not any("*" in name for name in red.pairs)


def test_no_entry_leaves_out_what_another_one_does() -> None:
    named = [
        (name, one.check, one.is_of_many, tuple(one.streams)) for one in RED for name in one.pairs
    ]

    assert len(named) == len(set(named))


def test_without_the_list_nothing_is_left_out() -> None:
    pairs = list(draw(5, 400))

    rounds = list(plan(pairs, [], 20))

    assert [pair for one in rounds for pair in one.pairs] == pairs
    assert not any(one.without or one.is_small for one in rounds)


def test_with_the_list_only_its_pairs_are_left_out_and_no_event_is() -> None:
    pairs = list(draw(5, 400))
    left_out = [name for one in RED if one.is_of_pairs for name in one.pairs]

    done = {pair for one in plan(pairs, RED, 20) for pair in one.pairs}

    assert {pair for pair in pairs if pair not in done} == {
        pair for pair in pairs if is_one_of(pair, left_out)
    }
    assert {pair.first for pair in done} == {pair.second for pair in done} == set(EVENTS)


def test_far_reaching_events_meet_only_pairs_that_have_them_too() -> None:
    red = Red("x", "", "", "", ["kill > stop"])

    for one in plan(list(draw(5, 400)), [red], 20):
        kinds = {frozenset({pair.first, pair.second} & set(FAR)) for pair in one.pairs}
        assert kinds == {one.kind}


def test_each_kind_of_entry_leaves_out_what_it_names_and_no_more() -> None:
    pairs = [Pair(first, second, 0.1) for first, second in product(["kill", "stop"], repeat=2)]
    red = Red("x", "", "", "", ["kill > stop"])

    (without_pair,) = plan(pairs, [red], 9)
    (with_check, without_check) = plan(pairs, [replace(red, check="flow")], 9)
    (small,) = plan(pairs, [replace(red, is_of_many=True)], 9)
    (spared,) = plan(pairs, [replace(red, streams=["EMBEDDING"])], 9)
    (others,) = plan(pairs[2:], [replace(red, check="flow")], 9)

    assert [pair.name for pair in without_pair.pairs] == [
        "kill > kill", "stop > kill", "stop > stop",
    ]  # fmt: skip
    assert (without_check.without, small.is_small) == ({"flow"}, True)
    assert spared.spared == {"EMBEDDING"}
    assert list(small.pairs) == list(spared.pairs) == pairs
    assert [pair.name for pair in without_check.pairs] == ["kill > stop"]
    assert len(with_check.pairs) == len(pairs) - 1
    assert not with_check.without
    assert not others.without


def test_a_pair_of_an_event_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="no such event"):
        parse_pair("kill > nobody")
