import pytest

from services.cli.handlers.traffic import Rates, Window, added, total
from shared.contracts.statuses import Status, Traffic


def told(**counts: float) -> Status:
    traffic = {"default": Traffic(**counts), "other": Traffic(records_in=99)}
    return Status(state="running", traffic=traffic)


def test_the_instances_of_a_stage_are_added_up() -> None:
    instances = [told(records_in=3, dead=1), told(records_in=4), Status(state="x")]

    found = total(instances, "default")

    assert found == Traffic(records_in=7, dead=1)


def test_rates_are_what_came_between_two_looks() -> None:
    before = Traffic(records_in=10, handled=2, handling_s=1.0, aged=4, age_s=10)
    after = Traffic(records_in=30, handled=6, handling_s=2.0, aged=6, age_s=14)

    rates = Rates(added(before, after), 4.0)

    assert (rates.records_in, rates.handling_s, rates.age_s) == (5.0, 0.25, 2.0)


def test_where_nothing_was_handled_there_is_no_latency() -> None:
    rates = Rates(Traffic(), 1.0)

    assert (rates.records_in, rates.handling_s, rates.age_s) == (0.0, None, None)


def test_a_stage_that_was_started_again_counts_from_zero() -> None:
    """Its counters are lower than before; a rate below zero would be nonsense."""
    before, after = Traffic(records_in=100, failed=3), Traffic(records_in=8, failed=3)

    assert added(before, after) == after


@pytest.mark.parametrize(("looks", "rate"), [(1, 0.0), (2, 10.0), (9, 10.0)])
def test_the_window_keeps_the_looks_of_the_last_seconds(looks: int, rate: float) -> None:
    window = Window(5.0)
    for second in range(looks):
        window.add(float(second), {"writing": Traffic(records_in=10.0 * second)})

    assert window.rates("writing").records_in == rate
    assert window.rates("embedding").records_in == 0
    assert len(window._looks) <= 6


def test_what_is_older_than_the_window_counts_no_more() -> None:
    window = Window(5.0)
    for second in range(20):
        window.add(float(second), {"writing": Traffic(records_in=min(100.0, 50.0 * second))})

    assert window.rates("writing").records_in == 0
