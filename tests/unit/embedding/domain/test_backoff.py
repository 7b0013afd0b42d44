from hypothesis import given
from hypothesis import strategies as st

from services.embedding.domain.backoff import LONGEST_RETRY_AFTER_S, Backoff

jitters = st.floats(0, 1)


@given(st.integers(1, 10**9), jitters, st.floats(0.01, 5), st.floats(5, 100))
def test_a_pause_stays_between_half_the_first_step_and_the_longest(
    failures: int, jitter: float, first_s: float, longest_s: float
) -> None:
    backoff = Backoff(first_s=first_s, longest_s=longest_s)

    pause = backoff.pause_s(failures, jitter=jitter, asked_s=None)

    assert first_s / 2 <= pause <= longest_s


@given(st.integers(1, 40), jitters, jitters)
def test_the_next_pause_is_never_shorter_than_the_jitter_explains(
    failures: int, one: float, other: float
) -> None:
    backoff = Backoff()

    before = backoff.pause_s(failures, jitter=one, asked_s=None)
    after = backoff.pause_s(failures + 1, jitter=other, asked_s=None)

    assert after >= before / 2
    assert backoff.pause_s(failures + 1, jitter=one, asked_s=None) >= before


@given(st.integers(1, 40), jitters, st.floats(0, 1e9))
def test_what_the_server_asks_for_is_given_within_reason(
    failures: int, jitter: float, asked_s: float
) -> None:
    pause = Backoff().pause_s(failures, jitter=jitter, asked_s=asked_s)

    assert pause >= min(asked_s, LONGEST_RETRY_AFTER_S)
    assert pause <= max(30.0, LONGEST_RETRY_AFTER_S)
