import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.discovery.domain.agent_runs import draft_of, text_of
from services.discovery.domain.entries import Draft


def iterate(response: object) -> dict:
    return {"type": "iteration", "iteration": 1, "response": response}


@given(st.text().filter(str.strip))
def test_a_response_is_kept_as_it_is(text: str) -> None:
    assert text_of(iterate(text)) == text


@pytest.mark.parametrize(
    "value",
    [
        {"type": "metadata", "response": "x"},
        {"type": "run_context", "prompt": "x"},
        {"type": ["iteration"], "response": "x"},
        {"response": "x"},
        iterate(None),
        iterate(""),
        iterate(" \n"),
        iterate([]),
        iterate({}),
        iterate([{"text": ""}]),
        {"type": "iteration", "iteration": 1},
        {"type": "initial_prompt"},
        {"type": "initial_prompt", "messages": [{"role": "system", "content": "x"}]},
    ],
)
def test_what_has_no_text_is_skipped(value: dict[str, Any]) -> None:
    assert draft_of(value) is None


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (["a", {"type": "text", "text": "b"}], "a\nb"),
        ({"role": "assistant", "content": "a"}, "a"),
        ({"role": "assistant", "content": [{"text": "a"}, {"text": "b"}]}, "a\nb"),
        ({"answer": "ä"}, '{"answer": "ä"}'),
        (42, "42"),
        ("a\ud800b", "a\ufffdb"),
    ],
)
def test_text_that_is_no_string_is_found(response: object, expected: object) -> None:
    assert text_of(iterate(response)) == expected


@pytest.mark.parametrize(
    "value",
    [
        {"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]},
        {"prompt": [{"role": "system", "content": "s"}, {"role": "user", "content": "a\nb"}]},
        {"messages": None, "content": [{"role": "user", "content": [{"text": "a"}, "b"]}]},
        {"prompt": "a\nb"},
        {"prompt": ["a", "b"]},
        {"prompt": {"role": "user", "content": "a\nb"}},
        {"prompt": {"messages": [{"role": "user", "content": "a\nb"}]}},
    ],
)
def test_a_prompt_is_what_the_user_says(value: dict[str, Any]) -> None:
    assert text_of({"type": "initial_prompt"} | value) == "a\nb"


@pytest.mark.parametrize("number", [2.0, 2])
def test_a_whole_number_is_an_iteration(number: object) -> None:
    draft = draft_of(iterate("x") | {"iteration": number})

    assert isinstance(draft, Draft)
    assert draft.iteration == 2


@pytest.mark.parametrize("number", [None, "1", 1.5, True, 2**31, -(2**31) - 1, float("nan"), []])
def test_an_entry_without_a_usable_iteration_is_bad(number: object) -> None:
    found = draft_of(iterate("x") | {"iteration": number})

    assert isinstance(found, str)
    assert "not a 32-bit integer" in found


def test_text_that_is_nested_too_deeply_is_bad() -> None:
    deep: list = ["x"]
    for _ in range(5000):
        deep = [deep]

    assert draft_of(iterate(deep)) == "its text is nested too deeply"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, None),
        ({"final_answer": None, "usage": None, "cost": None}, None),
        ({"final_answer": "x"}, {"final_answer": "x"}),
        ({"final_answer": ""}, {"final_answer": ""}),
        ({"final_answer": ["a", {"text": "b"}]}, {"final_answer": "a\nb"}),
        ({"final_answer": "\U0001f600" * 2000}, {"final_answer": "\U0001f600" * 1000}),
        ({"final_answer": "a\ud800"}, {"final_answer": "a\ufffd"}),
        ({"usage": {"total": 3}, "cost": 0.5}, {"usage": {"total": 3}, "cost": 0.5}),
        ({"outcome": "solved", "trace_metrics": {"cost": 2}}, {"outcome": "solved", "cost": 2}),
        ({"cost": 1, "trace_metrics": {"cost": 2}}, {"cost": 1}),
        ({"cost": 0, "trace_metrics": None}, {"cost": 0}),
        ({"cost": float("nan"), "usage": {"all": "x" * 2000}}, None),
    ],
)
def test_what_an_entry_says_of_its_run_is_kept(said: dict, expected: dict | None) -> None:
    draft = draft_of(iterate("x") | said)

    assert isinstance(draft, Draft)
    assert (draft.attributes and json.loads(draft.attributes)) == expected
    assert draft.attributes is None or draft.attributes.encode()


@pytest.mark.parametrize("name", ["usage", "final_answer"])
def test_what_is_nested_too_deeply_says_nothing(name: str) -> None:
    deep: list = ["x"]
    for _ in range(5000):
        deep = [deep]

    draft = draft_of(iterate("x") | {name: deep, "cost": 1})
    assert isinstance(draft, Draft)
    assert draft.attributes == '{"cost": 1}'
