"""Every worker begins with what may take long, and nothing is left out."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.order import dealt


@dataclass(frozen=True)
class Item:
    """What the order looks at in a test."""

    path: Path
    name: str
    marks: tuple[pytest.Mark, ...] = ()

    def iter_markers(self) -> tuple[pytest.Mark, ...]:
        return self.marks


E2E = pytest.mark.e2e.mark
SERVER = pytest.mark.integration.mark


def module(name: str, tests: int, *marks: pytest.Mark) -> list[Any]:
    return [Item(Path(f"{name}.py"), str(number), marks) for number in range(tests)]


def test_every_share_begins_with_the_longest_and_is_filled_with_what_is_short() -> None:
    items = [
        *module("short", 8),
        *module("server", 2, SERVER),
        *module("long", 2, E2E),
        *module("longest", 2, E2E, pytest.mark.timeout(1800).mark),
        *module("patient", 2, SERVER, pytest.mark.timeout(400).mark),
    ]

    order = [item.path.stem for item in dealt(items, 2)]

    assert order[:8] == ["longest", "longest", "patient", "patient", *["short"] * 4]
    assert order[8:] == ["long", "long", "server", "server", *["short"] * 4]


@given(
    sizes=st.lists(st.tuples(st.integers(1, 5), st.sampled_from([(), (E2E,), (SERVER,)]))),
    workers=st.integers(1, 5),
)
def test_all_are_run_once_and_long_ones_of_a_module_together(
    sizes: list[tuple[int, tuple[pytest.Mark, ...]]], workers: int
) -> None:
    modules = [module(str(n), size, *marks) for n, (size, marks) in enumerate(sizes)]
    items = [item for one in modules for item in one]

    order = dealt(items, workers)

    assert sorted(order, key=items.index) == items
    for one in modules:
        if one[0].marks:
            first = order.index(one[0])
            assert order[first : first + len(one)] == one


@given(
    sizes=st.lists(
        st.tuples(st.integers(1, 3), st.sampled_from([(E2E,), (SERVER,)])), max_size=12
    ),
    short=st.integers(180, 200),
    workers=st.integers(1, 5),
)
def test_no_worker_ends_with_what_another_is_to_begin_with(
    sizes: list[tuple[int, tuple[pytest.Mark, ...]]], short: int, workers: int
) -> None:
    modules = [module(str(n), size, *marks) for n, (size, marks) in enumerate(sizes)]
    items = [item for one in modules for item in one] + module("short", short)

    left = dealt(items, workers)

    for number in range(workers):  # as ``xdist`` gives all of them out, without a rest at the end
        size = len(left) // (workers - number)
        share, left = left[:size], left[size:]
        marked = [bool([*item.iter_markers()]) for item in share]
        assert marked == sorted(marked, reverse=True)
