"""How the streams share the room that a disk has for them."""

from hypothesis import given
from hypothesis import strategies as st

from shared.bus.registry.streams import LEAST, STREAMS, within

WANTED = sum(one.max_bytes for one in STREAMS)
sizes = st.integers(min_value=0, max_value=2 * WANTED)
holdings = st.dictionaries(st.sampled_from([one.name for one in STREAMS]), sizes)


def test_with_room_for_all_each_has_what_it_wants() -> None:
    assert within(STREAMS, WANTED, {}) == STREAMS


@given(budget=sizes, held=holdings)
def test_no_stream_gets_more_than_it_wants_or_less_than_a_few_messages(
    budget: int, held: dict[str, int]
) -> None:
    for one, wanted in zip(within(STREAMS, budget, held), STREAMS, strict=True):
        assert min(wanted.max_bytes, LEAST) <= one.max_bytes <= wanted.max_bytes


@given(budget=sizes, held=holdings)
def test_what_a_stream_holds_stays(budget: int, held: dict[str, int]) -> None:
    for one, wanted in zip(within(STREAMS, budget, held), STREAMS, strict=True):
        assert one.max_bytes >= min(held.get(one.name, 0), wanted.max_bytes)


@given(budget=sizes)
def test_together_they_keep_to_the_budget_as_far_as_that_goes(budget: int) -> None:
    given_ = sum(one.max_bytes for one in within(STREAMS, budget, {}))

    assert given_ <= budget + len(STREAMS) * LEAST


def test_no_bound_is_given_to_what_holds_more_than_half_of_it() -> None:
    """The server throws the oldest away of what is above a new bound."""
    bounded = [one for one in STREAMS if one.max_per_subject]
    assert {one.name for one in bounded} == {"DISCOVERY", "EMBEDDING", "PROJECTION"}
    for one in bounded:
        most = one.max_per_subject or 0
        given = [one.config(fullest=held) for held in (0, most // 2, most // 2 + 1)]
        assert [config.max_msgs_per_subject for config in given] == [most, most, -1]
        assert [config.discard_new_per_subject for config in given] == [True, True, False]


def test_what_has_no_bound_for_a_subject_gets_none() -> None:
    config = next(one for one in STREAMS if one.name == "SETTLED").config()
    assert (config.max_msgs_per_subject, config.discard_new_per_subject) == (-1, False)
