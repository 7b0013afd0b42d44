"""What the outcome of a command means to the script that gave it."""

DONE = 0
NO_ANSWER = 1
PARTLY = 3
HELD = 4
REJECTED = 5
NOTHING_MAPPED = 6
"""Of a run that ends by itself: there was no source, none has reached its end, or none holds
a record."""
CODES = {
    "done": DONE,
    "previewed": DONE,
    "held": HELD,
    "rejected": REJECTED,
}


def exit_code(outcome: str | None, *, is_complete: bool, refused: int = 0) -> int:
    """Choose the exit code: 0 done, 3 partly, 4 held, 5 rejected, 1 not told in time."""
    code = CODES.get(outcome or "", NO_ANSWER) if is_complete else NO_ANSWER
    return PARTLY if code == DONE and refused else code
