from hypothesis import given
from hypothesis import strategies as st

from services.text2vec.domain.batches import group_by_size, plan_batches

SIZES = st.lists(st.integers(0, 20))


@given(SIZES, st.integers(1, 5), st.integers(1, 40))
def test_every_position_is_planned_once(lengths: list[int], texts: int, tokens: int) -> None:
    groups = list(plan_batches(lengths, max_texts=texts, max_tokens=tokens))

    assert sorted(position for group in groups for position in group) == [*range(len(lengths))]


@given(SIZES, st.integers(1, 5), st.integers(1, 40))
def test_planned_batches_stay_within_their_bounds(
    lengths: list[int], texts: int, tokens: int
) -> None:
    for group in plan_batches(lengths, max_texts=texts, max_tokens=tokens):
        padded = len(group) * max(lengths[position] for position in group)

        assert 1 <= len(group) <= texts
        assert padded <= tokens or len(group) == 1


def test_texts_of_similar_length_are_planned_together() -> None:
    assert list(plan_batches([9, 1, 8, 2], max_texts=2, max_tokens=100)) == [[1, 3], [2, 0]]


@given(SIZES, st.integers(1, 5), st.integers(1, 40))
def test_groups_keep_order_and_bounds(sizes: list[int], items: int, size: int) -> None:
    groups = list(group_by_size(((n, n) for n in sizes), max_items=items, max_size=size))

    assert [n for group in groups for n in group] == sizes
    assert all(0 < len(group) <= items for group in groups)
    assert all(sum(group) <= size or len(group) == 1 for group in groups)
