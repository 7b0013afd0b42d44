from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from services.embedding.domain.texts import cut_requests
from shared.embedded_text import prepare

texts = st.lists(st.text(max_size=12), max_size=60)


@given(texts=texts, max_texts=st.integers(1, 20), max_bytes=st.integers(1, 40))
def test_every_text_is_in_exactly_one_request_and_the_limits_hold(
    texts: list[str], max_texts: int, max_bytes: int
) -> None:
    requests = list(cut_requests(texts, max_texts, max_bytes))

    assert [position for request in requests for position in request] == list(range(len(texts)))
    for request in requests:
        size = sum(len(texts[position].encode()) for position in request)
        assert 1 <= len(request) <= max_texts
        assert size <= max_bytes or len(request) == 1


@given(texts=texts, max_texts=st.integers(1, 20), max_bytes=st.integers(1, 40))
def test_no_request_could_have_taken_the_next_text_as_well(
    texts: list[str], max_texts: int, max_bytes: int
) -> None:
    requests = list(cut_requests(texts, max_texts, max_bytes))

    for request, following in pairwise(requests):
        grown = [*request, following[0]]
        size = sum(len(texts[position].encode()) for position in grown)
        assert len(grown) > max_texts or size > max_bytes


def test_a_request_is_measured_in_utf8() -> None:
    assert list(cut_requests(["é", "é", "e"], 9, 4)) == [[0, 1], [2]]


@given(st.text(), st.integers(1, 20))
def test_only_the_beginning_of_a_text_is_sent_without_nul(text: str, max_chars: int) -> None:
    sent = prepare(text, max_chars)

    assert len(sent) == min(len(text), max_chars)
    assert "\x00" not in sent
    assert all(a == b for a, b in zip(sent, text, strict=False) if b != "\x00")
