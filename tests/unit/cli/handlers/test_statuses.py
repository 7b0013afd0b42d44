from typing import Any

import pytest

from services.cli.handlers.statuses import choose_collection, remembering, served_collections
from shared.contracts.status_reading import read_status
from shared.contracts.statuses import Status
from shared.errors import ConfigurationError


def told(**services: list[dict[str, Any]]) -> dict[str, list[Status]]:
    return {name: [read_status(name, one) for one in some] for name, some in services.items()}


def test_a_silent_service_keeps_its_figures_and_is_absent() -> None:
    ledger = {"records": {"seen": 1}}
    before = told(discovery=[{"state": "running", "collections": {"a": ledger}}])

    known = remembering(before, told(writing=[{"state": "running"}]))

    assert known == told(
        discovery=[{"state": "absent", "collections": {"a": ledger}}],
        writing=[{"state": "running"}],
    )


def test_an_answer_replaces_what_was_told_before() -> None:
    now = told(writing=[{"state": "running"}])

    assert remembering(told(writing=[{"state": "absent"}]), now) == now


def test_served_collections_are_those_that_any_service_names() -> None:
    statuses = told(
        discovery=[{"state": "running", "collections": {"b": {}}}],
        writing=[{"state": "running", "collections": {"a": {}, "b": {}}}],
        embedding=[{"state": "running", "blocked": None}],
    )

    assert served_collections(statuses) == ["a", "b"]


@pytest.mark.parametrize(
    ("given", "served", "configured", "chosen"),
    [
        (None, ["only"], ["default"], "only"),
        (None, [], ["default"], "default"),
        ("b", ["a", "b"], ["a"], "b"),
        ("later", [], ["a"], "later"),
    ],
)
def test_the_collection_that_is_meant(
    given: str | None, served: list[str], configured: list[str], chosen: str
) -> None:
    assert choose_collection(given, served, configured) == chosen


@pytest.mark.parametrize(("given", "served"), [("c", ["a", "b"]), (None, ["a", "b"])])
def test_a_collection_that_is_unclear_or_unknown_names_those_that_are_served(
    given: str | None, served: list[str]
) -> None:
    with pytest.raises(ConfigurationError, match="a, b"):
        choose_collection(given, served, ["default"])
