"""Too many bad lines become few letters, which lose none of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.discovery.domain.entries import BadLine
from services.discovery.domain.runs import (
    FEWEST,
    MOST_BYTES,
    MOST_PARTS,
    MOST_SPANS,
    ONE_BY_ONE,
    SAMPLE_BYTES,
    BadRun,
    Gatherer,
    allowance,
)

LATE = 1_000_000
Told = list[BadLine | BadRun]


def bad(number: int, size: int = 9) -> BadLine:
    return BadLine(number, 0, number * 10, "oops", b"rubbish %d" % number, size)


def gather(marks: list[bool], version: int = 1) -> Told:
    """Read lines, bad ones where it is true."""
    gatherer = Gatherer(version)
    told = [
        gatherer.bad(bad(number)) if is_bad else gatherer.good()
        for number, is_bad in enumerate(marks, 1)
    ]
    return [one for one in [*told, gatherer.finish()] if one is not None]


def spans(told: Told) -> list[tuple[int, int]]:
    return [
        span
        for one in told
        for span in (one.spans if isinstance(one, BadRun) else [(one.byte_offset, one.size)])
    ]


def test_a_flood_is_told_of_line_by_line_and_then_as_one() -> None:
    told = gather([True] * 200_000)

    assert all(isinstance(one, BadLine) for one in told[:ONE_BY_ONE])
    first, last = told[ONE_BY_ONE:]
    assert isinstance(first, BadRun)
    assert isinstance(last, BadRun)
    assert (first.line, first.last_line) == (ONE_BY_ONE + 1, ONE_BY_ONE + MOST_PARTS)
    assert (last.last_line, last.parts) == (200_000, 200_000 - ONE_BY_ONE - MOST_PARTS)
    assert (first.byte_offset, first.size) == (10 * first.line, 10 * MOST_PARTS - 1)
    assert first.spans == ((first.byte_offset, first.size),)
    assert first.reason == "100,000 parts that are no records, the first: oops"
    assert first.data.startswith(b"rubbish 1001\nrubbish 1002\n")
    assert len(first.data) <= SAMPLE_BYTES + 1


def test_a_good_line_ends_a_run_until_there_were_many_of_them() -> None:
    told = gather([True, True, False] * 3_000)

    runs = [one for one in told if isinstance(one, BadRun)]
    assert [len(one.spans) for one in runs[:ONE_BY_ONE]] == [1] * ONE_BY_ONE
    assert {len(one.spans) for one in runs[ONE_BY_ONE:-1]} == {MOST_SPANS}
    assert sum(one.parts for one in runs) == 6_000 - ONE_BY_ONE


@given(st.lists(st.booleans(), max_size=200))
def test_every_bad_part_is_told_of_once_and_no_good_one(marks: list[bool]) -> None:
    told = gather(marks, LATE)

    covered = [
        number
        for begin, size in spans(told)
        for number in range(begin // 10, (begin + size) // 10 + 1)
    ]
    assert covered == [number for number, is_bad in enumerate(marks, 1) if is_bad]
    parts = [one.parts if isinstance(one, BadRun) else 1 for one in told]
    assert sum(parts) == sum(marks)
    assert len(told) <= 2 * FEWEST + 1


@given(st.lists(st.booleans(), max_size=100))
def test_a_run_says_where_it_begins_and_ends(marks: list[bool]) -> None:
    for one in gather(marks, LATE):
        if isinstance(one, BadRun):
            assert one.parts > 1
            assert one.byte_offset == one.spans[0][0] == 10 * one.line
            assert one.byte_offset + one.size == sum(one.spans[-1]) == 10 * one.last_line + 9


def test_a_run_is_bounded_by_its_bytes_as_it_is_read_again_as_a_whole() -> None:
    gatherer = Gatherer(LATE)
    size = MOST_BYTES // 2
    big = [BadLine(n, 0, n * (size + 1), "oops", b"", size) for n in range(40)]

    told = [one for one in [*map(gatherer.bad, big), gatherer.finish()] if one is not None]

    assert len(told) == len(big)
    assert sum(one.size for one in told) == 40 * size


@pytest.mark.parametrize(("version", "most"), [(1, 1000), (10, 1000), (100, 100), (10**6, 10)])
def test_later_versions_of_a_source_have_fewer_letters(version: int, most: int) -> None:
    assert allowance(ONE_BY_ONE, version) == most
