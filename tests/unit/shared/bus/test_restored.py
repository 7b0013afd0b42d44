"""Which readers may be given a message of a subject."""

import pytest

from shared.bus.restored import overlap


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("a.b", "a.b", True),
        ("a.b", "a.c", False),
        ("a.b", "a.b.c", False),
        ("a.*", "a.c", True),
        ("a.*", "a.b.c", False),
        ("a.>", "a.b.c", True),
        ("a.*.c", "a.b.*", True),
        ("a.*.c", "a.b.d", False),
        (">", "a.b", True),
    ],
)
def test_subjects_overlap(one: str, other: str, *, expected: bool) -> None:
    assert (overlap(one, other), overlap(other, one)) == (expected, expected)
