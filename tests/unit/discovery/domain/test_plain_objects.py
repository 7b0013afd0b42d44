import json

import pytest

from services.discovery.domain.entries import Draft
from services.discovery.domain.plain_objects import draft_of


def read(**value: object) -> Draft:
    draft = draft_of(value, "body")
    assert isinstance(draft, Draft)
    return draft


def test_the_text_is_in_the_field_that_is_named() -> None:
    assert read(body="x", text="y").text == "x"
    assert read(body=["a", {"text": "b\ud800"}]).text == "a\nb\ufffd"


@pytest.mark.parametrize("value", [{}, {"text": "x"}, {"body": None}, {"body": " "}, {"body": []}])
def test_without_text_there_is_nothing_to_map(value: dict) -> None:
    assert draft_of(value, "body") is None


def test_what_a_log_says_too_means_the_same() -> None:
    draft = read(body="x", iteration=3, type="note", timestamp="2026-01-01T00:00:00Z")

    assert (draft.iteration, draft.type, draft.attributes) == (3, "note", None)
    assert draft.timestamp
    assert draft.timestamp.year == 2026


@pytest.mark.parametrize("iteration", [None, "3", 2**31, True])
def test_without_a_usable_iteration_all_are_of_one(iteration: object) -> None:
    draft = read(body="x", iteration=iteration, type=7)

    assert (draft.iteration, draft.type, draft.timestamp) == (0, "record", None)


def test_other_fields_are_kept_unless_they_are_long_or_no_json() -> None:
    deep: list = []
    for _ in range(5000):
        deep = [deep]
    more = {"a": [1], "b": "\ud800", "c": None, "d": "x" * 2000, "e": float("nan"), "f": deep}

    assert json.loads(read(body="x", **more).attributes or "") == {"a": [1], "b": "\ufffd"}


def test_text_that_is_nested_too_deeply_is_bad() -> None:
    deep: list = ["x"]
    for _ in range(5000):
        deep = [deep]

    assert draft_of({"body": deep}, "body") == "its text is nested too deeply"


def test_there_is_room_for_so_many_characters_of_attributes() -> None:
    attributes = read(body="x", **{f"f{n:03}": "😀" * 90 for n in range(1000)}).attributes

    assert attributes
    assert list(json.loads(attributes))[:2] == ["f000", "f001"]
    assert 3000 < len(attributes) < 5000
