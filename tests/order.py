"""In which order the tests of a run begin: those that may take long first, on every worker.

A long test that begins last leaves the other workers idle. What is short fills the gaps at the
end: a worker that has nothing left takes over half of what another has yet to begin.
"""

from collections.abc import Sequence
from itertools import groupby, islice

import pytest

Rank = tuple[bool, bool, float]


def dealt(items: Sequence[pytest.Item], workers: int) -> list[pytest.Item]:
    """Put tests in an order of which each worker gets an equal share, one after another.

    Args:
        items: All tests; those of a module may share a world, and stay together.
        workers: How many run them.

    Returns:
        The same tests. In each share those come first that have processes or a server, and of
        these those that are given most time.
    """
    modules = [list(of_one) for _, of_one in groupby(items, lambda item: item.path)]
    long = sorted((one for one in modules if any(_rank(one))), key=_rank, reverse=True)
    short = iter([item for one in modules if not any(_rank(one)) for item in one])
    shares = [[item for one in long[n::workers] for item in one] for n in range(workers)]
    left = len(items)
    for number, share in enumerate(shares[:-1]):
        # As the workers' scheduler divides: otherwise one ends with what another is to begin with.
        size = left // (workers - number)
        share.extend(islice(short, max(0, size - len(share))))
        left -= size
    return [item for share in shares for item in share] + list(short)


def _rank(module: Sequence[pytest.Item]) -> Rank:
    return max(_rank_of_one(item) for item in module)


def _rank_of_one(item: pytest.Item) -> Rank:
    marks = {mark.name: mark for mark in item.iter_markers()}
    given_s = float(marks["timeout"].args[0]) if "timeout" in marks else 0.0
    return "e2e" in marks, "integration" in marks, given_s
