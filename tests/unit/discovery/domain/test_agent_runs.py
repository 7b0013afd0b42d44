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
