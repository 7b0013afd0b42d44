from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cli.handlers.figures import Figures
from shared.contracts.status_reading import read_status, statuses_of, waits_of
from shared.contracts.statuses import (
    STATUSES,
    UNREADABLE,
    DiscoveryStatus,
    Status,
    UnreadableStatus,
    WritingStatus,
)

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
    read = {name: [read_status(name, one) for one in some] for name, some in told.items()}

    shown = Figures.of(read, {}, "default")

    assert shown.report()["records"]["seen"] >= 0
    assert shown.is_drained in {True, False}


@pytest.mark.parametrize(
    ("service", "status"),
    [
        ("writing", {"state": "running"}),
        ("writing", {"state": "standby", "service": "writing", "anything": {"else": [1]}}),
        ("projection", {"state": "running", "collections": {"default": {"records": 7}}}),
        ("embedding", {"state": "running", "blocked": None, "dimensions": {"default": 3}}),
        ("of somebody", {"state": "running", "collections": {"default": {"pages": 7}}}),
        ("discovery", {"state": "x", "collections": {"a": {"records": {"seen": 1, "new": 2}}}}),
    ],
)
def test_a_sound_status_is_passed_on_as_it_was_told(service: str, status: dict[str, Any]) -> None:
    """An older service tells less, a newer one more: neither is spoken for."""
    told = read_status(service, status)

    assert type(told) is STATUSES.get(service, Status)
    assert told.model_dump(mode="json", exclude_unset=True) == status


@pytest.mark.parametrize(
    "status",
    [
        {}, [], None, {"state": 7}, {"state": "x", "waits": [{}]},
        {"state": "x", "waits": [{"reason": "full", "since": 1767268800}]},
        {"state": "x", "collections": {"default": {"rows": -1}}},
        {"state": "x", "collections": {"default": {"rows": "7"}}},
    ],
)  # fmt: skip
def test_another_one_says_what_is_wrong(status: Any) -> None:
    told = read_status("writing", status)

    assert isinstance(told, UnreadableStatus)
    assert (told.service, told.state) == ("writing", UNREADABLE)
    assert told.unreadable


def test_a_service_that_cannot_be_read_tells_nothing_of_its_kind() -> None:
    sound = {"state": "running"}
    told = {
        "writing": [read_status("writing", {"state": 7}), read_status("writing", sound)],
        "discovery": [read_status("discovery", sound)],
    }

    assert list(statuses_of(told, WritingStatus)) == [WritingStatus(state="running")]
    assert list(statuses_of(told, DiscoveryStatus)) == [DiscoveryStatus(state="running")]
    assert waits_of(told) == []
