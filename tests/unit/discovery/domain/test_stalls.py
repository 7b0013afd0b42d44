"""Which sources stand still, and who holds them."""

from dataclasses import replace

import pytest

from services.discovery.domain.ledger import SourceRecord, Status
from services.discovery.domain.stalls import Holder, StageLoad, StallWatch, holder_of, moving
from tests.unit.discovery.builders import NOW

A = SourceRecord(
    "default", "a", "a.jsonl", "/a", 1, 1, "dispatched", 1, "f", 5, 2, 1, True, False, None, NOW,
    None,
)  # fmt: skip
B = replace(A, source_id="b", filename="b.jsonl")


def test_a_source_stands_still_since_its_numbers_changed() -> None:
    watch = StallWatch()
    watch.look([A], 0)
    watch.look([replace(A, mapped=3)], 10)

    assert watch.look([replace(A, mapped=3)], 30) == {"a": 10}


def test_a_source_that_waits_behind_one_that_moves_does_not_stand_still() -> None:
    watch = StallWatch()
    watch.look([A, B], 0)
    watch.look([replace(A, mapped=3), B], 10)

    assert watch.look([replace(A, mapped=3), B], 30) == {"a": 10, "b": 10}


def test_a_source_that_others_overtake_stands_still() -> None:
    watch = StallWatch()
    watch.look([A, B], 0)

    assert watch.look([A, replace(B, mapped=3)], 30) == {"a": 0, "b": 30}


def test_the_end_of_a_source_is_a_move_for_those_behind_it() -> None:
    watch = StallWatch()
    watch.look([A, B], 0)

    assert watch.look([B], 30) == {"b": 30}


def test_a_new_version_begins_anew() -> None:
    watch = StallWatch()
    watch.look([A], 0)

    assert watch.look([replace(A, source_version=2)], 30) == {"a": 30}


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
