from hypothesis import given
from hypothesis import strategies as st

from services.embedding.domain.pace import GROW_AFTER, Pace


@given(st.integers(1, 500), st.lists(st.tuples(st.booleans(), st.integers(1, 500))))
def test_a_request_always_holds_a_text_and_never_too_many(
    limit: int, answers: list[tuple[bool, int]]
) -> None:
    pace = Pace.full(limit)
    for is_in_time, texts in answers:
        (pace.in_time if is_in_time else pace.too_long)(texts)
        assert 1 <= pace.most <= limit


def test_a_request_that_took_too_long_is_halved_and_grows_again_slowly() -> None:
    pace = Pace.full(100)

    pace.too_long(100)
    for _ in range(GROW_AFTER - 1):
        pace.in_time(50)
    assert pace.most == 50
    pace.in_time(50)
    assert pace.most == 100


def test_smaller_requests_say_nothing_about_larger_ones() -> None:
    pace = Pace.full(100)
    pace.too_long(100)

    for _ in range(2 * GROW_AFTER):
        pace.in_time(49)

    assert pace.most == 50
