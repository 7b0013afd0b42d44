from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.embedding.domain.order import MISSING, AmbiguousOrderError, places

odd = st.sampled_from([None, True, False, 0.0, 1.0, "0", "1", -1, 99, MISSING, 10**30])
indexes = st.lists(st.integers(0, 4) | odd, min_size=1, max_size=5)


def oracle(given_indexes: list[Any]) -> list[int] | None:
    """Find the one order of all orders that fits, in the plainest way; None: there is none."""
    written = [(type(one), one) for one in given_indexes]
    count = len(written)
    for order in permutations(range(count)):
        if [written[place] for place in order] == [(int, text) for text in range(count)]:
            return list(order)
    return list(range(count)) if all(one == written[0] for one in written) else None


@given(indexes)
def test_an_order_is_told_only_if_there_is_just_one(given_indexes: list[Any]) -> None:
    expected = oracle(given_indexes)

    if expected is None:
        with pytest.raises(AmbiguousOrderError, match="nobody can tell"):
            places(given_indexes)
    else:
        assert places(given_indexes) == expected


@given(st.permutations(range(12)))
def test_any_order_of_the_answer_is_put_right(given_indexes: list[int]) -> None:
    assert [given_indexes[place] for place in places(given_indexes)] == list(range(12))


@given(st.permutations(range(6)), st.integers(0, 5), odd | st.integers(0, 5))
def test_one_wrong_index_spoils_the_answer(order: list[int], place: int, wrong: Any) -> None:
    spoilt = [wrong if at == place else index for at, index in enumerate(order)]

    if type(wrong) is int and wrong == order[place]:
        assert len(places(spoilt)) == 6
    else:
        with pytest.raises(AmbiguousOrderError):
            places(spoilt)


@pytest.mark.parametrize("alike", [True, 1.0, "1"])
def test_what_is_no_number_is_no_index(alike: Any) -> None:
    with pytest.raises(AmbiguousOrderError):
        places([0, alike])


@pytest.mark.parametrize("same", [MISSING, None, 0, 7, "x"])
def test_the_order_of_the_answer_counts_if_all_say_the_same(same: Any) -> None:
    assert places([same] * 3) == [0, 1, 2]


def test_the_reason_names_what_the_server_sent() -> None:
    with pytest.raises(
        AmbiguousOrderError, match=r"'10', '2', missing, not the numbers from 0 to 2"
    ):
        places(["10", "2", MISSING])
