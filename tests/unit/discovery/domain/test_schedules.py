"""Slots on a grid: each is run once, or counted, whatever the clock does."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.discovery.domain.schedules import HOUR, Schedule, due, settled, with_period

BEGAN = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


def schedule(every_hours: int = 8) -> Schedule:
    return Schedule(
        id="0" * 20,
        collection="default",
        url="https://example.org/a.csv",
        filename=None,
        every_hours=every_hours,
        anchor=BEGAN,
        created_at=BEGAN,
        created_by="anna",
    )


looks = st.lists(
    st.tuples(st.integers(-90, 900), st.booleans(), st.booleans()), min_size=1, max_size=60
)
"""Minutes that the clock moves, back too; whether it is paused; whether the source has a job."""


@given(st.integers(1, 168), looks)
def test_every_slot_is_run_once_or_counted(
    every_hours: int, looks: list[tuple[int, bool, bool]]
) -> None:
    one, now, furthest = schedule(every_hours), BEGAN - HOUR, BEGAN - HOUR
    runs: list[datetime] = []
    for minutes, is_paused, is_busy in looks:
        now += timedelta(minutes=minutes)
        furthest = max(furthest, now)
        one = replace(one, is_paused=is_paused)
        found = due(one, now)
        if found.slot is not None and not is_busy:
            runs.append(found.slot)
        one = settled(one, found, is_overlapped=is_busy)

    # The plain way: walk the grid as far as the clock ever was.
    grid, slot = [], BEGAN
    while slot <= furthest:
        grid.append(slot)
        slot += timedelta(hours=every_hours)
    assert one.settled == len(grid)
    assert one.ran == len(runs) == len(set(runs))
    assert set(runs) <= set(grid)
    assert runs == sorted(runs)
    assert one.next_at == slot


@given(st.integers(1, 168), st.integers(0, 10_000))
def test_of_slots_that_come_together_only_the_last_is_run(every_hours: int, minutes: int) -> None:
    now = BEGAN + timedelta(minutes=minutes)
    found = due(schedule(every_hours), now)

    assert found.slot is not None
    assert timedelta(0) <= now - found.slot < every_hours * HOUR
    assert found.missed == minutes // (60 * every_hours)


def test_another_period_is_another_grid() -> None:
    one = settled(schedule(8), due(schedule(8), BEGAN), is_overlapped=False)
    now = BEGAN + 3 * HOUR
    other = with_period(one, 2, now)

    assert with_period(one, 8, now) is one
    assert (other.next_at, other.ran) == (now + 2 * HOUR, 1)
    assert due(other, now).slot is None
    assert due(other, now + 2 * HOUR).slot == now + 2 * HOUR


def test_it_is_stale_after_nine_hours_or_one_and_a_half_periods() -> None:
    for every_hours, limit in ((1, 9), (6, 9), (8, 12), (168, 252)):
        one = schedule(every_hours)
        assert not one.is_stale(BEGAN + limit * HOUR)
        assert one.is_stale(BEGAN + limit * HOUR + timedelta(seconds=1))
        fresh = replace(one, succeeded_at=BEGAN + HOUR)
        assert not fresh.is_stale(BEGAN + limit * HOUR + timedelta(seconds=1))
        assert not replace(one, is_paused=True).is_stale(BEGAN + 1000 * HOUR)
