from hypothesis import given
from hypothesis import strategies as st

from services.writing.domain.compaction import FAN_IN, TARGETS, FragmentSize, Join, plan_join


def sizes(*rows: int) -> list[FragmentSize]:
    return [FragmentSize(count) for count in rows]


def join(fragments: list[FragmentSize], chosen: Join) -> list[FragmentSize]:
    """Do what Lance does: fill fragments up to the target."""
    left = sum(item.rows - item.deleted for item in fragments[chosen.first : chosen.last + 1])
    joined = []
    while left > 0:
        joined.append(FragmentSize(min(left, chosen.target_rows)))
        left -= chosen.target_rows
    return [*fragments[: chosen.first], *joined, *fragments[chosen.last + 1 :]]


def test_few_small_fragments_are_left_alone() -> None:
    assert plan_join(sizes(*[128] * (FAN_IN - 1))) is None


def test_eight_small_neighbours_are_joined() -> None:
    assert plan_join(sizes(*[128] * FAN_IN)) == Join(4096, 0, 7)


def test_large_fragments_part_the_small_ones() -> None:
    assert plan_join(sizes(*[128] * 7, 300_000, *[128] * 7)) is None


def test_a_fragment_with_many_dead_rows_is_rewritten_alone() -> None:
    assert plan_join([*sizes(100), FragmentSize(100, 30)]) == Join(TARGETS[0], 1, 1)


@given(st.lists(st.integers(1, 300_000), max_size=60))
def test_joining_comes_to_an_end_and_leaves_few_fragments(rows: list[int]) -> None:
    fragments = sizes(*rows)
    for _ in range(100):
        chosen = plan_join(fragments)
        if chosen is None:
            break
        fragments = join(fragments, chosen)

    assert plan_join(fragments) is None
    assert sum(item.rows for item in fragments) == sum(rows)


def test_a_row_is_copied_about_once_per_size_however_large_the_table() -> None:
    fragments: list[FragmentSize] = []
    copied = 0
    commits = 4000
    for number in range(commits):
        fragments.append(FragmentSize(128))
        while number % 16 == 0 and (chosen := plan_join(fragments)):
            copied += sum(item.rows for item in fragments[chosen.first : chosen.last + 1])
            fragments = join(fragments, chosen)

    assert copied / (commits * 128) < 5
    assert len(fragments) < 50
