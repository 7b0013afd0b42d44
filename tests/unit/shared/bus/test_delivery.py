import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.bus.consuming.delivery import (
    EndsProcess,
    MoveToDeadLetters,
    Retry,
    RetryPolicy,
    decide,
    require_survivable,
)
from shared.errors import ConfigurationError, InvalidMessage, TransientError

policies = st.builds(
    RetryPolicy,
    max_deliveries=st.integers(1, 50),
    first_delay_s=st.floats(0.001, 10),
    longest_delay_s=st.floats(10, 1000),
)
unforeseen = st.sampled_from(
    [RuntimeError("bug"), ValueError(), KeyError("k"), ConfigurationError("x"),
     ExceptionGroup("several", [TransientError("away")])]
)  # fmt: skip


@given(st.integers(1, 10**9), policies)
def test_what_can_never_work_is_buried_at_once(deliveries: int, policy: RetryPolicy) -> None:
    assert decide(InvalidMessage("bad"), deliveries, policy) == MoveToDeadLetters("invalid: bad")


@given(st.integers(1, 10**9), policies)
def test_an_outage_is_waited_for_without_an_end(deliveries: int, policy: RetryPolicy) -> None:
    assert isinstance(decide(TransientError("away"), deliveries, policy), Retry)


@given(unforeseen, policies)
def test_everything_else_is_buried_in_the_end_and_not_before(
    error: Exception, policy: RetryPolicy
) -> None:
    verdicts = [decide(error, n, policy) for n in range(1, policy.max_deliveries + 2)]

    assert all(isinstance(verdict, Retry) for verdict in verdicts[: policy.max_deliveries - 1])
    assert all(
        isinstance(verdict, MoveToDeadLetters) for verdict in verdicts[policy.max_deliveries - 1 :]
    )


@given(st.integers(1, 10**9), policies)
def test_pauses_grow_up_to_the_limit(deliveries: int, policy: RetryPolicy) -> None:
    now, then = (decide(TransientError(), n, policy) for n in (deliveries, deliveries + 1))

    assert isinstance(now, Retry)
    assert isinstance(then, Retry)
    assert policy.first_delay_s <= now.delay_s <= then.delay_s <= policy.longest_delay_s
    assert then.delay_s in {now.delay_s * 2, policy.longest_delay_s}


def test_subclasses_count_as_what_they_are() -> None:
    class DeeperError(InvalidMessage):
        pass

    class AwayError(TransientError):
        pass

    assert isinstance(decide(DeeperError("x"), 1, RetryPolicy()), MoveToDeadLetters)
    assert isinstance(decide(AwayError("x"), 999, RetryPolicy()), Retry)


@pytest.mark.parametrize(("deliveries", "delay_s"), [(1, 0.5), (2, 1), (3, 2), (7, 30), (9, 30)])
def test_the_default_pauses(deliveries: int, delay_s: float) -> None:
    assert decide(RuntimeError(), deliveries, RetryPolicy()) == Retry(delay_s)


@given(st.integers(0, 100), st.integers(1, 50))
def test_a_message_is_given_up_after_so_many_ended_processes_and_not_before(
    deaths: int, most: int
) -> None:
    policy = RetryPolicy(max_deaths=most)
    try:
        require_survivable(deaths, policy)
        told = None
    except EndsProcess as error:
        told = decide(error, 1, policy)

    assert told == (
        MoveToDeadLetters(f"ended the process {deaths} times") if deaths >= most else None
    )
