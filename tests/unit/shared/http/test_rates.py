import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.http.rates import MOST_CLIENTS, Rates


@given(
    per_s=st.floats(0.1, 100),
    burst=st.integers(1, 50),
    pauses=st.lists(st.floats(0, 10), min_size=1, max_size=100),
)
def test_nobody_gets_more_than_the_burst_and_the_rate(
    per_s: float, burst: int, pauses: list[float]
) -> None:
    rates, now_s, taken = Rates(per_s, burst), 0.0, 0

    for pause in pauses:
        now_s += pause
        taken += rates.take("one", now_s) == 0

    assert taken <= burst + now_s * per_s + 1e-6
    assert taken >= min(len(pauses), burst)


def test_who_waits_as_long_as_told_is_let_in() -> None:
    rates = Rates(2, 1)
    assert rates.take("one", 0) == 0

    wait_s = rates.take("one", 0)

    assert wait_s == pytest.approx(0.5)
    assert rates.take("one", wait_s) == 0


def test_memory_is_bounded_and_keeps_who_came_last() -> None:
    rates = Rates(0.001, 1)
    for number in range(MOST_CLIENTS + 10):
        rates.take(str(number), 0)

    assert len(rates._buckets) == MOST_CLIENTS
    assert rates.take(str(MOST_CLIENTS), 0) > 0
    assert rates.take("0", 0) == 0
