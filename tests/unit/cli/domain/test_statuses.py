import pytest

from services.cli.domain.statuses import choose_collection, remembering, served_collections
from shared.errors import ConfigurationError


def test_a_silent_service_keeps_its_figures_and_is_absent() -> None:
    before = {"discovery": [{"state": "running", "collections": {"a": {"x": 1}}}]}

    known = remembering(before, {"writing": [{"state": "running"}]})

    assert known["discovery"] == [{"state": "absent", "collections": {"a": {"x": 1}}}]
    assert known["writing"] == [{"state": "running"}]


def test_an_answer_replaces_what_was_told_before() -> None:
    known = remembering({"writing": [{"state": "absent"}]}, {"writing": [{"state": "running"}]})

    assert known == {"writing": [{"state": "running"}]}


def test_served_collections_are_those_that_any_service_names() -> None:
    told = {
        "discovery": [{"collections": {"b": {}}}],
        "writing": [{"collections": {"a": {}, "b": {}}}],
        "embedding": [{"blocked": None}],
    }

    assert served_collections(told) == ["a", "b"]


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
