from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from services.discovery.domain.segments import BEGINNING, Counts, Mark

ITERATIONS = st.lists(st.one_of(st.integers(-3, 9), st.integers(-(2**31), 2**31 - 1)))


@given(st.lists(ITERATIONS))
def test_what_is_counted_at_several_times_is_counted_as_if_at_once(times: list[list[int]]) -> None:
    counts, expected = Counts(), Counter[int]()
    for some in times:
        counts = counts.plus(Counter(some))
        expected.update(some)

    asked = {near for one in expected for near in (one - 1, one, one + 1)}
    assert {one: counts.of(one) for one in asked} == {one: expected[one] for one in asked}
    assert sum(length * count for _, length, count in counts.runs) == expected.total()


@given(st.integers(0), st.integers(0), st.integers(0), ITERATIONS)
def test_a_mark_is_read_as_it_was_written(
    lines: int, byte_offset: int, batches: int, iterations: list[int]
) -> None:
    mark = Mark(lines, byte_offset, batches, Counts().plus(Counter(iterations)))

    assert Mark.decode(mark.encode()) == mark


def test_a_source_begins_with_nothing_counted() -> None:
    assert Mark.decode(BEGINNING.encode()) == Mark(0, 0, 0, Counts())


def test_what_is_kept_of_a_long_log_is_short() -> None:
    """It is written anew with every line that comes to a log."""
    counts = Counts().plus(dict.fromkeys(range(1, 100_000), 1) | {0: 2}).plus({100_000: 1})

    assert counts.runs == ((0, 1, 2), (1, 100_000, 1))
