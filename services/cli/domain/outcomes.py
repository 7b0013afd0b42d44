"""What the outcome of a command means to the script that gave it."""

DONE = 0
NO_ANSWER = 1
HELD = 4
REJECTED = 5
CODES = {"updated": DONE, "previewed": DONE, "forgotten": DONE, "held": HELD, "rejected": REJECTED}


def exit_code(outcome: str, *, is_complete: bool) -> int:
    """Choose the exit code: 0 done, 4 held, 5 rejected, 1 not all was told in time."""
    return CODES.get(outcome, NO_ANSWER) if is_complete else NO_ANSWER
