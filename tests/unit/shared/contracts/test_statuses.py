from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cli.domain.figures import Figures
from shared.contracts.statuses import UNREADABLE, checked_status

values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["default", "seen", "records_in", "failed"]), inner)
    ),
    max_leaves=6,
)
FIELDS = ["records", "sources", "failures", "stalled", "incomplete", "version", "rows", "held",
          "explained_variance_ratio", "blocked", "is_fresh"]  # fmt: skip
figures = st.dictionaries(st.sampled_from(FIELDS), values)
statuses = st.fixed_dictionaries(
    {},
    optional={
        "state": st.sampled_from(["running", "halted", 7]),
        "halted": values,
        "waits": values,
        "traffic": values,
        "collections": st.dictionaries(st.just("default"), figures) | values,
    },
)


@given(st.dictionaries(st.sampled_from(["discovery", "embedding", "projection", "writing"]),
                       st.lists(statuses, min_size=1, max_size=2)))  # fmt: skip
def test_whatever_is_answered_can_be_shown(told: dict[str, list[Any]]) -> None:
    checked = {name: [checked_status(one) for one in some] for name, some in told.items()}

    shown = Figures.of(checked, {}, "default")

    assert shown.report()["records"]["seen"] >= -3
    assert shown.is_drained in {True, False}


@pytest.mark.parametrize(
    "status",
    [
        {"state": "running"},
        {"state": "standby", "service": "writing", "anything": {"else": [1]}},
        {"state": "running", "collections": {"default": {"records": 7}}, "blocked": None},
    ],
)
def test_a_sound_status_stays_as_it_is(status: dict[str, Any]) -> None:
    assert checked_status(status) is status


@pytest.mark.parametrize("status", [{}, [], None, {"state": 7}, {"state": "x", "waits": [{}]}])
def test_another_one_says_what_is_wrong(status: Any) -> None:
    told = checked_status(status)

    assert told["state"] == UNREADABLE
    assert told["unreadable"]
