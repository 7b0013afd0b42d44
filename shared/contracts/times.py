"""Times as RFC 3339 writes them, for what somebody else has written."""

import re
from datetime import datetime

TIME = (
    r"^[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?"
    r"(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
)


def parse_time(value: object) -> object:
    """Read a text as a time; Pydantic takes numbers and more for one.

    Raises:
        ValueError: It is written otherwise.
    """
    if not isinstance(value, str):
        return value
    if not re.fullmatch(TIME, value, re.ASCII):
        raise ValueError("a time is written like 2026-01-31T09:00:00Z")
    return datetime.fromisoformat(value)
