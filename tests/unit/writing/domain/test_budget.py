import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.writing.domain.budget import SnapshotBudget


@given(took_s=st.floats(0, 1e4), share=st.floats(0.01, 1.0))
def test_snapshots_take_at_most_their_share_of_the_time(took_s: float, share: float) -> None:
    budget = SnapshotBudget(share, 0.0)

    next_s = budget.next_start_s(100.0, took_s)

    assert took_s <= share * (next_s - 100.0 + took_s) + 1e-6


def test_small_maps_are_fresh_soon() -> None:
    assert SnapshotBudget().next_start_s(10.0, 0.01) == 10.5


def test_an_impossible_share_is_refused() -> None:
    with pytest.raises(ValueError, match="no such budget"):
        SnapshotBudget(0.0)
