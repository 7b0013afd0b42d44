"""What a person sees in a cell of a sheet, as text."""

import json
import math
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

from shared.readers.parts import Warnings

EXACT: Final = 2**53
"""Numbers of a sheet are floats: larger integers have lost digits."""


def text_of(value: Any, place: str, warnings: Warnings) -> str:
    """Write a value; what it has lost already is told with its place."""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return _number(value, place, warnings)
    for kind, written in WRITTEN:
        if isinstance(value, kind):
            return written(value)
    return "" if value is None else str(value)


def _number(value: float, place: str, warnings: Warnings) -> str:
    if not math.isfinite(value):
        return str(value)
    if not value.is_integer():
        return repr(value)
    if abs(value) >= EXACT:
        text = "integers have more than 15 digits; a sheet keeps no more, so the last are lost"
        warnings.add("big-integer", text, place)
    return f"{Decimal(repr(value)):.0f}" if value else "0"


def _moment(value: datetime) -> str:
    """Write a day alone where the time is midnight."""
    if value.tzinfo is None and value.time() == time(0):
        return value.date().isoformat()
    return value.isoformat(" ")


def _duration(value: timedelta) -> str:
    seconds, sign = abs(value).total_seconds(), "-" if value < timedelta(0) else ""
    whole = int(seconds)
    rest = f"{seconds - whole:.3f}"[1:].rstrip("0").rstrip(".")
    return f"{sign}{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}{rest}"


def _bytes(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.hex()


def plain_json(value: Any) -> str:
    """Write what has parts."""
    return json.dumps(value, ensure_ascii=False, default=str)


WRITTEN: Final[tuple[tuple[Any, Callable[[Any], str]], ...]] = (
    (bool, lambda value: "TRUE" if value else "FALSE"),
    (datetime, _moment),
    ((date, time), lambda value: value.isoformat()),
    (timedelta, _duration),
    (bytes, _bytes),
    ((dict, list, tuple), plain_json),
)
"""The narrower ones first."""
