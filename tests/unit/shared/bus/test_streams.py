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
