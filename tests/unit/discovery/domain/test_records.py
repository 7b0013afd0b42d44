import hashlib

from hypothesis import given
from hypothesis import strategies as st

from services.discovery.domain.entries import Draft, Entry
from services.discovery.domain.records import Numbering, Record


def entry(iteration: int | None) -> Entry:
    draft = None if iteration is None else Draft("x", iteration, "iteration", None)
    return Entry(1, 0, 0, 10, draft)


def numbered(*iterations: int | None) -> list[Record]:
    numbering = Numbering("a.jsonl")
    found = [numbering.record(entry(one)) for one in iterations]
    return [one for one in found if one is not None]


@given(st.lists(st.integers(0, 3)))
def test_ids_are_unique_in_a_file(iterations: list[int]) -> None:
    assert len({one.id for one in numbered(*iterations)}) == len(iterations)


def test_the_id_is_the_hash_of_file_iteration_and_index() -> None:
    (record,) = numbered(1)

    assert record.id == hashlib.sha256(b"a.jsonl:1:0").hexdigest()


def test_repeated_iterations_are_counted_in_file_order() -> None:
    places = [(one.iteration, one.idx_in_iteration) for one in numbered(0, 0, 1, 1)]
    assert places == [(0, 0), (0, 1), (1, 0), (1, 1)]


def test_an_entry_with_nothing_to_map_is_not_counted() -> None:
    (record,) = numbered(None, 1)

    assert record.idx_in_iteration == 0


def test_a_copy_counts_on_for_itself() -> None:
    numbering = Numbering("a.jsonl")
    numbering.record(entry(1))
    other = numbering.copy()

    both = [one.record(entry(1)) for one in (other, numbering)]
    assert [one and one.idx_in_iteration for one in both] == [1, 1]
