"""Which sources stand still, and who holds them."""

from dataclasses import replace

import pytest

from services.discovery.domain.ledger import SourceRecord, Status
from services.discovery.domain.stalls import Holder, LookTimes, StageLoad, holder_of, moving
from tests.unit.discovery.builders import NOW

A = SourceRecord(
    "default", "a", "a.jsonl", "/a", 1, 1, "dispatched", 1, "f", 5, 2, 1, True, False, None, NOW,
    None,
)  # fmt: skip


def test_what_did_not_move_for_long_is_asked_for_by_the_last_look_that_long_ago() -> None:
    times = LookTimes()
    assert times.last_before(100) == 0
    for number, time_s in ((3, 10.0), (5, 20.0), (8, 30.0)):
        times.note(number, time_s)

    assert [times.last_before(when) for when in (9, 10, 29, 30, 99)] == [0, 3, 5, 8, 8]


def test_a_move_is_seen_by_the_look_after_it() -> None:
    times = LookTimes()
    for number, time_s in ((3, 10.0), (5, 20.0), (8, 30.0)):
        times.note(number, time_s)

    assert [times.seen_s(moved_in) for moved_in in (0, 2, 3, 4, 5, 7)] == [10, 10, 20, 20, 30, 30]


def loads(**messages: int) -> dict[Holder, StageLoad]:
    stages: tuple[Holder, ...] = ("embedding", "projection", "writing", "discovery")
    return {stage: StageLoad(messages.get(stage, 0), 7) for stage in stages}


@pytest.mark.parametrize(
    ("messages", "are_moving", "status", "holder"),
    [
        ({"embedding": 3}, [], "dispatched", "embedding"),
        ({"embedding": 3, "projection": 9, "writing": 9}, [], "dispatched", "writing"),
        ({"embedding": 3, "writing": 9}, ["writing"], "dispatched", "embedding"),
        ({"embedding": 3, "writing": 9}, ["embedding", "writing"], "dispatched", "embedding"),
        ({"discovery": 1}, [], "dispatched", "discovery"),
        ({}, [], "dispatched", "bus"),
        ({}, [], "reading", "discovery"),
        ({"embedding": 3}, [], "reading", "embedding"),
    ],
)
def test_the_holder(
    messages: dict[str, int], are_moving: list[Holder], status: Status, holder: Holder
) -> None:
    source = replace(A, status=status)

    assert holder_of(source, loads(**messages), are_moving) == holder


def test_a_stage_moves_when_its_oldest_message_is_settled() -> None:
    before = loads(embedding=3, writing=2)
    now = before | {"writing": StageLoad(9, 8)}

    assert moving(before, now) == {"writing"}
    assert moving({}, now) == set()
