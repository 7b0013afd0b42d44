from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from services.discovery.domain.batching import Cutter, Limits, cut_batches
from tests.unit.discovery.builders import record

TEXTS = st.lists(st.text(st.sampled_from("aä€😀"), max_size=12))
LIMITS = Limits(max_records=3, max_text_bytes=16)


def cut(texts: list[str], limits: Limits = LIMITS) -> list[list[str]]:
    records = [record(text, number) for number, text in enumerate(texts)]
    return [[one.text for one in part.records] for part in cut_batches(records, limits)]


@given(TEXTS)
def test_no_record_is_lost_and_the_order_stays(texts: list[str]) -> None:
    parts = cut(texts)

    kept = [text.encode()[:16].decode("utf-8", "ignore") for text in texts]
    assert [text for part in parts for text in part] == kept


@given(TEXTS)
def test_no_batch_is_above_the_limits(texts: list[str]) -> None:
    for part in cut(texts):
        assert len(part) <= 3
        assert sum(len(text.encode()) for text in part) <= 16


@given(TEXTS)
def test_only_the_last_batch_is_the_last_and_only_a_lone_one_is_empty(texts: list[str]) -> None:
    records = [record(text, number) for number, text in enumerate(texts)]

    parts = list(cut_batches(records, LIMITS))
    assert [part.is_last for part in parts] == [False] * (len(parts) - 1) + [True]
    assert [part.index for part in parts] == list(range(len(parts)))
    assert all(part.records for part in parts) or not texts


@given(TEXTS)
def test_batches_are_as_full_as_they_can_be(texts: list[str]) -> None:
    parts = cut(texts)

    for part, following in pairwise(parts):
        joined = sum(len(text.encode()) for text in [*part, following[0]])
        assert len(part) == 3 or joined > 16


def test_a_source_without_records_has_one_empty_batch() -> None:
    assert cut([]) == [[]]


def test_a_long_text_is_cut_between_characters_and_flagged() -> None:
    (part,) = cut_batches([record("x" * 15 + "ä")], LIMITS)

    assert part.records[0].text == "x" * 15
    assert part.records[0].truncated


def test_a_text_of_just_the_limit_is_not_flagged() -> None:
    (part,) = cut_batches([record("ä" * 8)], LIMITS)

    assert not part.records[0].truncated


def test_no_more_than_one_batch_is_held() -> None:
    cutter = Cutter(LIMITS)

    for number in range(1000):
        cutter.add(record("x", number))
        assert len(cutter._pending) <= 3
