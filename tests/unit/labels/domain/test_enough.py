from datetime import UTC, datetime, timedelta

import pytest

from services.labels.domain.enough import OLD_S, Labelled, Shown, due_in_s

AT = datetime(2026, 1, 1, tzinfo=UTC)
LAST = Labelled(Shown(10, 3, 1000), AT)


@pytest.mark.parametrize(
    ("shown", "after_s", "due"),
    [
        (Shown(10, 3, 1000), 9e9, None),
        (Shown(11, 3, 1050), 60, OLD_S - 60),
        (Shown(11, 3, 1050), OLD_S + 1, 0),
        (Shown(11, 3, 1100), 0, 0),
        (Shown(11, 3, 900), 0, 0),
        (Shown(10, 4, 1000), 0, 0),
        (Shown(12, 3, 10), 0, 0),
    ],
)
def test_a_map_is_labelled_again_when_it_has_changed_enough(
    shown: Shown, after_s: float, due: float | None
) -> None:
    assert due_in_s(shown, LAST, AT + timedelta(seconds=after_s)) == due


def test_a_map_is_labelled_first_when_it_has_fifty_records() -> None:
    assert due_in_s(Shown(1, None, 49), None, AT) is None
    assert due_in_s(Shown(1, None, 50), None, AT) == 0
