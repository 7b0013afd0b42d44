"""How it is said what the services wait for: why, and since when."""

from datetime import UTC, datetime

from shared.contracts.status_reading import Waiting


def text_of(wait: Waiting) -> str:
    """Say what and why, in a line."""
    return f"{wait.what}: {wait.reason}"


def sentence_of(wait: Waiting) -> str:
    """Say the same, and since when."""
    return f"{text_of(wait)} (since {second_of(wait.since)})"


def second_of(time: datetime) -> str:
    """Write a time in UTC, as people read it: to the second."""
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def bus_away(reason: str, since: datetime) -> Waiting:
    """Say that nobody can be asked."""
    return Waiting(stage="bus", what="asking the services", reason=reason, since=since)
