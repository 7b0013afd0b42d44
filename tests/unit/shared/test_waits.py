"""What is waited for is told once it lasts, and no longer than that."""

import asyncio
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import InvalidMessage, TransientError
from shared.waits import LASTING_S, MOST_TOLD, Waits, begin_work, pause
from tests.builders import NOW
from tests.fakes.clock import FrozenClock
from tests.waiting import until


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def waits(clock: FrozenClock) -> Waits:
    return Waits(clock)


def test_what_lasts_is_told_with_its_last_reason_and_since_when(
    waits: Waits, clock: FrozenClock
) -> None:
    waits.failed("a disk", OSError(28, "No space left"))
    at_once = waits.told()
    clock.advance(LASTING_S)
    waits.failed("a disk", TransientError("still no room"))

    assert at_once == []
    assert waits.told() == [
        {"what": "a disk", "reason": "still no room", "since": NOW.isoformat()}
    ]


def test_it_ends_as_soon_as_it_works(waits: Waits, clock: FrozenClock) -> None:
    waits.failed("a disk", "full")
    with waits.trying("a server") as trial:
        trial.failed("away")
        clock.advance(LASTING_S)
        before = [one["what"] for one in waits.told()]
    after = [one["what"] for one in waits.told()]
    waits.over("a disk")

    assert before == ["a disk", "a server"]
    assert after == ["a disk"]
    assert waits.told() == []


def test_it_ends_with_whoever_tried(waits: Waits, clock: FrozenClock) -> None:
    def give_up() -> None:
        with waits.trying("a server") as trial:
            trial.failed("away")
            raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        give_up()
    clock.advance(LASTING_S)

    assert waits.told() == []


def test_a_new_outage_begins_anew(waits: Waits, clock: FrozenClock) -> None:
    waits.failed("a disk", "full")
    clock.advance(LASTING_S)
    waits.over("a disk")
    waits.failed("a disk", "full")

    assert waits.told() == []


def test_what_nobody_tells_of_again_is_forgotten(waits: Waits, clock: FrozenClock) -> None:
    """A message that goes to another replica next is not heard of here any more."""
    waits.failed("a message", "no luck", key=("STREAM", 1), within_s=60)
    clock.advance(59)
    told = waits.told()
    clock.advance(2)

    assert len(told) == 1
    assert waits.told() == []


def test_many_of_a_kind_are_told_together(waits: Waits, clock: FrozenClock) -> None:
    for number in range(1000):
        waits.failed("messages", f"number {number}", key=number)
        clock.advance(0.001)
    clock.advance(LASTING_S)

    (told,) = waits.told()
    assert told["reason"] == "number 0 (and 999 more)"
    assert told["since"] == NOW.isoformat()


@given(st.lists(st.tuples(st.sampled_from("abcdefghijklmn"), st.integers(0, 5), st.booleans())))
def test_what_is_told_has_lasted_is_not_over_and_the_longest_is_first(
    steps: list[tuple[str, int, bool]],
) -> None:
    clock = FrozenClock()
    waits = Waits(clock)
    began: dict[str, float] = {}
    for what, seconds, is_failure in steps:
        if is_failure:
            waits.failed(what, "away")
            began.setdefault(what, clock.monotonic())
        else:
            waits.over(what)
            began.pop(what, None)
        clock.advance(seconds)

    told = waits.told()

    lasting = {one for one, since in began.items() if clock.monotonic() - since >= LASTING_S}
    assert {one["what"] for one in told} <= lasting
    assert len(told) == min(len(lasting), MOST_TOLD)
    assert all(before["since"] <= after["since"] for before, after in pairwise(told))


async def test_work_that_waits_for_somebody_says_so_while_it_does(waits: Waits) -> None:
    work = begin_work()
    go_on = asyncio.Event()

    async def part() -> None:
        with waits.trying("a server") as trial:
            await go_on.wait()
            trial.failed("away")
            await pause(600)

    async with asyncio.TaskGroup() as group:
        trying = group.create_task(part())
        await until(lambda: work.patience_s)
        first = list(work.patience_s.values())
        go_on.set()
        await until(lambda: 0.0 in work.patience_s.values())
        trying.cancel()

    assert first[0] > 0
    assert work.patience_s == {}


def test_what_a_loop_tries_again_is_waited_for_until_it_works(
    waits: Waits, clock: FrozenClock
) -> None:
    told: list[str] = []

    def tell(*, error: str) -> None:
        told.append(error)

    with waits.retrying("the ledger", tell) as first:
        raise TransientError("locked")
    clock.advance(LASTING_S)
    during = waits.told()
    with waits.retrying("the ledger", tell) as second:
        pass

    assert (first.has_failed, second.has_failed, told) == (True, False, ["locked"])
    assert [(one["what"], one["reason"]) for one in during] == [("the ledger", "locked")]
    assert waits.told() == []


def test_what_is_no_failure_for_now_is_not_tried_again(waits: Waits) -> None:
    with pytest.raises(InvalidMessage), waits.retrying("the ledger", print):
        raise InvalidMessage("never")

    assert waits.told() == []
