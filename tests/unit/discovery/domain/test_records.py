import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.discovery.domain.entries import BadLine
from services.discovery.domain.records import Record, RecordReader, text_of
from tests.unit.discovery.builders import entry


def read(value: dict) -> Record | BadLine | None:
    return RecordReader("a.jsonl").read(entry(value))


def iterate(response: object) -> dict:
    return {"type": "iteration", "iteration": 1, "response": response}


@given(st.lists(st.integers(0, 3)))
def test_ids_are_unique_in_a_file(iterations: list[int]) -> None:
    reader = RecordReader("a.jsonl")

    found = [reader.read(entry(iterate("x") | {"iteration": one})) for one in iterations]
    ids = [one.id for one in found if isinstance(one, Record)]
    assert len(set(ids)) == len(iterations)


@given(st.text().filter(str.strip))
def test_a_response_is_kept_as_it_is(text: str) -> None:
    assert text_of(iterate(text)) == text


def test_the_id_is_the_hash_of_file_iteration_and_index() -> None:
    record = read(iterate("x"))

    assert isinstance(record, Record)
    assert record.id == hashlib.sha256(b"a.jsonl:1:0").hexdigest()


def test_repeated_iterations_are_counted_in_file_order() -> None:
    reader = RecordReader("a.jsonl")
    values = [{"type": "initial_prompt", "prompt": "x"}, iterate("x") | {"iteration": 0}]

    found = [reader.read(entry(value)) for value in [*values, iterate("x"), iterate("x")]]
    places = [(one.iteration, one.idx_in_iteration) for one in found if isinstance(one, Record)]
    assert places == [(0, 0), (0, 1), (1, 0), (1, 1)]


def test_a_skipped_entry_is_not_counted() -> None:
    reader = RecordReader("a.jsonl")
    reader.read(entry(iterate("")))

    record = reader.read(entry(iterate("x")))
    assert isinstance(record, Record)
    assert record.idx_in_iteration == 0


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
    assert read(value) is None


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
    record = read(iterate("x") | {"iteration": number})

    assert isinstance(record, Record)
    assert record.iteration == 2


@pytest.mark.parametrize("number", [None, "1", 1.5, True, 2**31, -(2**31) - 1, float("nan"), []])
def test_an_entry_without_a_usable_iteration_is_bad(number: object) -> None:
    found = read(iterate("x") | {"iteration": number})

    assert isinstance(found, BadLine)
    assert "not a 32-bit integer" in found.reason


def test_text_that_is_nested_too_deeply_is_bad() -> None:
    deep: list = ["x"]
    for _ in range(5000):
        deep = [deep]
    entry_ = entry(iterate("x"))
    entry_.value["response"] = deep

    found = RecordReader("a").read(entry_)
    assert isinstance(found, BadLine)
