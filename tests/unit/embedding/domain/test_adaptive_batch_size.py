from hypothesis import given
from hypothesis import strategies as st

from services.embedding.domain.adaptive_batch_size import GROW_AFTER, AdaptiveBatchSize


@given(st.integers(1, 500), st.lists(st.tuples(st.booleans(), st.integers(1, 500))))
def test_a_request_always_holds_a_text_and_never_too_many(
    limit: int, answers: list[tuple[bool, int]]
) -> None:
    size = AdaptiveBatchSize.full(limit)
    for is_in_time, texts in answers:
        (size.in_time if is_in_time else size.too_long)(texts)
        assert 1 <= size.most <= limit


def test_a_request_that_took_too_long_is_halved_and_grows_again_slowly() -> None:
    size = AdaptiveBatchSize.full(100)

    size.too_long(100)
    for _ in range(GROW_AFTER - 1):
        size.in_time(50)
    assert size.most == 50
    size.in_time(50)
    assert size.most == 100


def test_smaller_requests_say_nothing_about_larger_ones() -> None:
    size = AdaptiveBatchSize.full(100)
    size.too_long(100)

    for _ in range(2 * GROW_AFTER):
        size.in_time(49)

    assert size.most == 50
