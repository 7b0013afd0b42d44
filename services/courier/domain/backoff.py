"""How often a fetch is tried, and how long is waited between."""

TRIES = 3
FIRST_S = 1.0
LONGEST_S = 30.0
LATER = frozenset({408, 425, 429})
"""Of the statuses that blame who asks, those that say: not now."""


def pause_s(tries: int, asked_s: float | None = None) -> float:
    """Return how long is waited after so many tries: 1, 2, 4 s, or as long as the server asks."""
    return min(LONGEST_S, max(FIRST_S * 2 ** (tries - 1), asked_s or 0.0))


def poll_pause_s(interval_s: float, failures: int) -> float:
    """Return how long is waited before a question, after so many without an answer."""
    return min(max(LONGEST_S, interval_s), interval_s * 2 ** min(failures, 16))


def is_lasting(status: int) -> bool:
    """Tell whether the same request will fail again."""
    return 400 <= status < 500 and status not in LATER  # noqa: PLR2004  the class of statuses
