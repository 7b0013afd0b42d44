import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.bus.consuming.delivery import (
    EndsProcess,
    MoveToDeadLetters,
    Retry,
    RetryPolicy,
    Tries,
    TriesOfMessages,
    decide,
    require_survivable,
)
from shared.errors import ConfigurationError, InvalidMessage, TransientError

tries = st.builds(Tries, failed=st.integers(1, 10**9), unforeseen=st.integers(0, 10**9))
policies = st.builds(
    RetryPolicy,
    max_failures=st.integers(1, 50),
    first_delay_s=st.floats(0.001, 10),
    longest_delay_s=st.floats(10, 1000),
)
unforeseen = st.sampled_from(
    [RuntimeError("bug"), ValueError(), KeyError("k"), ConfigurationError("x"),
     ExceptionGroup("several", [TransientError("away")])]
)  # fmt: skip


@given(tries, policies)
def test_what_can_never_work_is_buried_at_once(tries: Tries, policy: RetryPolicy) -> None:
    assert decide(InvalidMessage("bad"), tries, policy) == MoveToDeadLetters("invalid: bad")


@given(tries, policies)
def test_an_outage_is_waited_for_without_an_end(tries: Tries, policy: RetryPolicy) -> None:
    assert isinstance(decide(TransientError("away"), tries, policy), Retry)


@given(unforeseen, policies, st.lists(st.just(TransientError("away")), max_size=40), st.data())
def test_everything_else_is_buried_in_the_end_and_not_before_whatever_outages_were_met(
    error: Exception, policy: RetryPolicy, outages: list[Exception], data: st.DataObject
) -> None:
    failures = data.draw(st.permutations([*outages, *[error] * (policy.max_failures - 1)]))
    of = TriesOfMessages()
    verdicts = [decide(one, of.failed(b"a", one), policy) for one in failures]
    last = decide(error, of.failed(b"a", error), policy)

    assert all(isinstance(verdict, Retry) for verdict in verdicts)
    assert isinstance(last, MoveToDeadLetters)


def test_each_message_has_its_own_failures_until_it_is_settled() -> None:
    of = TriesOfMessages()
    of.failed(b"a", RuntimeError())
    seen = [of.failed(name, RuntimeError()) for name in (b"a", b"b")]
    of.over(b"a")

    assert seen == [Tries(2, 2), Tries(1, 1)]
    assert of.failed(b"a", TransientError()) == Tries(1, 0)


def test_the_messages_that_failed_longest_ago_are_forgotten_first() -> None:
    of = TriesOfMessages(most=2)
    for name in (b"a", b"b", b"a", b"c"):
        of.failed(name, RuntimeError())

    assert of.failed(b"a", RuntimeError()).failed == 3
    assert of.failed(b"b", RuntimeError()).failed == 1


@given(st.integers(1, 10**9), policies)
def test_pauses_grow_up_to_the_limit(failed: int, policy: RetryPolicy) -> None:
    now, then = (decide(TransientError(), Tries(n), policy) for n in (failed, failed + 1))

    assert isinstance(now, Retry)
    assert isinstance(then, Retry)
    assert policy.first_delay_s <= now.delay_s <= then.delay_s <= policy.longest_delay_s
    assert then.delay_s in {now.delay_s * 2, policy.longest_delay_s}


def test_subclasses_count_as_what_they_are() -> None:
    class DeeperError(InvalidMessage):
        pass

    class AwayError(TransientError):
        pass

    assert isinstance(decide(DeeperError("x"), Tries(1), RetryPolicy()), MoveToDeadLetters)
    assert isinstance(decide(AwayError("x"), Tries(999, 999), RetryPolicy()), Retry)


@pytest.mark.parametrize(("failed", "delay_s"), [(1, 0.5), (2, 1), (3, 2), (7, 30), (9, 30)])
def test_the_default_pauses(failed: int, delay_s: float) -> None:
    assert decide(RuntimeError(), Tries(failed, failed), RetryPolicy()) == Retry(delay_s)


@given(st.integers(0, 100), st.integers(1, 50))
def test_a_message_is_given_up_after_so_many_ended_processes_and_not_before(
    deaths: int, most: int
) -> None:
    policy = RetryPolicy(max_deaths=most)
    try:
        require_survivable(deaths, policy)
        told = None
    except EndsProcess as error:
        told = decide(error, Tries(1), policy)

    assert told == (
        MoveToDeadLetters(f"ended the process {deaths} times") if deaths >= most else None
    )
