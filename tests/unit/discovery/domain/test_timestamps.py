"""A moment is read right, or not at all: never as another year."""

import re
import time
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.discovery.domain.timestamps import parse_timestamp

DAY_S = 86_400
DAYS_BEFORE_MONTH = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)


def seconds_of_year(year: int) -> int:
    """From 1970 to a year's first moment, counted year by year: no calendar of Python's."""
    return sum(366 if is_leap(y) else 365 for y in range(1970, year)) * DAY_S


def is_leap(year: int) -> bool:
    return (year % 4 == 0 and year % 100 != 0) or year % 400 == 0


def micros(found: datetime) -> int:
    """Microseconds since 1970 of a moment, from its own figures."""
    assert found.utcoffset() == timedelta(0)
    leap_day = is_leap(found.year) and found.month > 2
    days = DAYS_BEFORE_MONTH[found.month - 1] + leap_day + found.day - 1
    seconds = seconds_of_year(found.year) + days * DAY_S
    seconds += found.hour * 3600 + found.minute * 60 + found.second
    return seconds * 10**6 + found.microsecond


FIRST_S, END_S = seconds_of_year(1990), seconds_of_year(2101)
UNITS = st.sampled_from([1, 10**3, 10**6, 10**9])


@given(st.integers(FIRST_S * 10**6, END_S * 10**6 - 1), UNITS, st.booleans())
def test_an_epoch_in_any_unit_is_that_moment(time: int, units: int, is_text: Any) -> None:
    number = time * units // 10**6  # whole units

    found = parse_timestamp(str(number) if is_text else number)

    if number < FIRST_S * units:
        assert found is None
    else:
        assert found is not None
        assert micros(found) == number * 10**6 // units


@given(st.integers(FIRST_S, END_S - 1), st.integers(0, 999_999))
def test_decimals_and_exponents_are_read_to_the_microsecond(second: int, micro: int) -> None:
    for text in (
        f"{second}.{micro:06}",
        f" {second}.{micro:06} ",
        f"+{second}.{micro:06}",
        f"{second}{micro:06}e-6",
        f"{second}{micro:06}E-3",  # milliseconds
        f"0.{second:010}{micro:06}e10",
    ):
        found = parse_timestamp(text)
        assert found is not None, text
        assert micros(found) == second * 10**6 + micro


@given(st.integers(FIRST_S, END_S - 1), st.integers(0, 999))
def test_a_float_of_seconds_keeps_its_milliseconds(second: int, milli: int) -> None:
    found = parse_timestamp(float(f"{second}.{milli:03}"))

    assert found is not None
    assert micros(found) == second * 10**6 + milli * 1000


@given(
    st.integers() | st.floats() | st.integers(-(10**20), 10**20) | st.integers(0, 9999),
    st.booleans(),
)
def test_any_other_number_is_no_moment(number: Any, is_text: Any) -> None:
    found = parse_timestamp(repr(number) if is_text else number)

    if found is not None:
        exact = Fraction(str(number)) if isinstance(number, float) else Fraction(number)
        read = {micros(found) * units // 10**6 for units in (1, 10**3, 10**6, 10**9)}
        is_epoch = int(exact) in read or int(exact) // 1000 * 1000 in read
        is_day = is_text and re.fullmatch("[0-9]{8}", repr(number))
        assert is_epoch or is_day
        assert 1990 <= found.year <= 2100


@given(st.text() | st.from_regex(r"[0-9TW:.Zze+\- ]{1,30}", fullmatch=True))
def test_a_text_never_becomes_another_year(text: str) -> None:
    """Either its own first four figures are the year, or it is a number of a plausible one."""
    found = parse_timestamp(text)

    if found is not None:
        named = re.match(r"\s*([0-9]{4})", text)
        is_named = named is not None and abs(int(named[1]) - found.year) <= 1  # weeks and offsets
        is_number = re.fullmatch(r"\s*[+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?\s*", text)
        assert 1990 <= found.year <= 2100 if is_number else is_named


@given(st.datetimes(timezones=st.just(UTC)), st.sampled_from("T "))
def test_what_python_writes_is_read_back(time: datetime, separator: str) -> None:
    assert parse_timestamp(time.isoformat(separator)) == time
    assert parse_timestamp(time.replace(tzinfo=None).isoformat(separator)) == time


@given(st.none() | st.booleans() | st.lists(st.integers()) | st.dictionaries(st.text(), st.text()))
def test_what_is_neither_text_nor_number_is_no_moment(value: object) -> None:
    assert parse_timestamp(value) is None


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("2026-01-02T03:04:05", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02T03:04:05.123456", datetime(2026, 1, 2, 3, 4, 5, 123456, tzinfo=UTC)),
        ("2026-01-02T03:04:05Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02t03:04:05z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02T03:04:05+02:00", datetime(2026, 1, 2, 1, 4, 5, tzinfo=UTC)),
        ("2026-01-02 03:04:05,5-0130", datetime(2026, 1, 2, 4, 34, 5, 500000, tzinfo=UTC)),
        ("20260102T030405Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02", datetime(2026, 1, 2, tzinfo=UTC)),
        ("20260102", datetime(2026, 1, 2, tzinfo=UTC)),
        ("1711121230959", datetime(2024, 3, 22, 15, 27, 10, 959000, tzinfo=UTC)),
        (1767323045, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("17111212", None),
        ("2026-01-02x03:04:05", None),
        ("20260102303", None),
        ("-1711121230959", None),
        ("0001-01-01T00:00:00+10:00", None),
        ("1e999999999", None),
        pytest.param("9" * 5000, None, id="many figures"),
        pytest.param(10**5000, None, id="a huge number"),
        ("\u0662\u0660\u0662\u0666-\u0660\u0661-\u0660\u0662", None),
        ("<TS>", None),
        ("", None),
        (20260102, None),
        (0, None),
        (float("nan"), None),
        (float("inf"), None),
        (True, None),
    ],
)
def test_timestamps(given: object, expected: object) -> None:
    assert parse_timestamp(given) == expected


def test_where_the_machine_stands_makes_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", "Pacific/Auckland")
        time.tzset()
        found = [parse_timestamp(text) for text in ("2024-03-22T15:27:10", "2024-03-22")]
    time.tzset()

    assert found == [
        datetime(2024, 3, 22, 15, 27, 10, tzinfo=UTC),
        datetime(2024, 3, 22, tzinfo=UTC),
    ]
