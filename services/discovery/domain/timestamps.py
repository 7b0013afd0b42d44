"""Reads the moments that logs give: ISO 8601, or time since 1970 in some unit.

A number means nothing else than it says: it is taken for seconds, milli-, micro- or nanoseconds
since 1970 if that is a year from 1990 to 2100, which at most one of the four can be. A text is ISO
8601 in so many words, since Python's own reader takes ``1711121230959`` for a day of 1711.
"""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_S = 631_152_000
"""1990 in UTC; before that, a number is more likely something else."""
END_S = 4_133_980_800
"""2101 in UTC."""
YEARS = range(1990, 2101)
UNITS_PER_S = (1, 10**3, 10**6, 10**9)
LONGEST_NUMBER = 40
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
_DAY_WITHOUT_HYPHENS = re.compile(r"[0-9]{8}")
_ISO = re.compile(
    r"(?:[0-9]{4}-?[0-9]{2}-?[0-9]{2}|[0-9]{4}-?W[0-9]{2}(?:-?[0-9])?)"
    r"(?:[T ][0-9]{2}(?::?[0-9]{2}(?::?[0-9]{2}(?:[.,][0-9]+)?)?)?"
    r"(?:Z|[+-][0-9]{2}(?::?[0-9]{2}(?::?[0-9]{2})?)?)?)?"
)


def parse_timestamp(value: Any) -> datetime | None:
    """Read a moment as UTC; one without offset is UTC, and what is no moment is None."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return _since_1970(Decimal(str(value)) if isinstance(value, float) else Decimal(value))
    return _parse_text(value.strip()) if isinstance(value, str) else None


def _parse_text(text: str) -> datetime | None:
    if _DAY_WITHOUT_HYPHENS.fullmatch(text):
        # As a number of seconds it were a day of the seventies: it can only be a date.
        time = _parse_iso(text)
        return time if time is not None and time.year in YEARS else None
    if len(text) <= LONGEST_NUMBER and _NUMBER.fullmatch(text):
        return _since_1970(Decimal(text))
    return _parse_iso(text.upper())


def _parse_iso(text: str) -> datetime | None:
    if not _ISO.fullmatch(text):
        return None
    try:
        time = datetime.fromisoformat(text)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _since_1970(number: Decimal) -> datetime | None:
    if not number.is_finite():
        return None
    for units in UNITS_PER_S:
        if FIRST_S * units <= number < END_S * units:
            return EPOCH + timedelta(microseconds=int(number * 10**6) // units)
    return None
