import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.writing.domain.attribute_columns import (
    MOST_COLUMNS,
    MOST_NAMES,
    OF_RUNS,
    ColumnFinder,
    Kind,
    parse,
    values_of,
)

FIXED = ["id", "text", *OF_RUNS]


def columns_of(*said: dict[str, Any]) -> dict[str, Kind]:
    finder = ColumnFinder(FIXED)
    for one in said:
        finder.see(one)
    return finder.found()


@pytest.mark.parametrize("text", [None, "", "{", "[1]", '"a"', "[" * 100_000])
def test_what_is_no_object_says_nothing(text: str | None) -> None:
    assert parse(text) == {}


@pytest.mark.parametrize(
    ("values", "kind", "column"),
    [
        ([1, None, 2], "integer", [1, None, 2]),
        ([1, 2.5], "number", [1.0, 2.5]),
        ([True, False], "truth", [True, False]),
        ([True, 1], "text", ["true", "1"]),
        ([2**63], "text", ["9223372036854775808"]),
        (["007", 7, {"a": "ä"}], "text", ["007", "7", '{"a": "ä"}']),
        (["a\ud800"], "text", ["a?"]),
    ],
)
def test_a_column_has_the_type_that_all_its_values_have(
    values: list[Any], kind: Kind, column: list[Any]
) -> None:
    said = [{"n": value} for value in values]

    assert columns_of(*said) == {"n": kind}
    assert values_of("n", kind, said) == column


def test_a_name_that_is_taken_or_is_none_is_no_column() -> None:
    said = {"ID": 1, "usage": {}, "cost": 2, " ": 3, "a\0": 4, "a\ud800": 5, "a\nb": 6}

    assert columns_of(said | {"ä b": 7, "none": None}) == {"ä b": "integer"}


def test_of_names_that_differ_in_case_the_one_that_more_records_have_is_a_column() -> None:
    assert columns_of({"Town": 1}, {"town": "a"}, {"Town": 2}) == {"Town": "integer"}


def test_there_is_room_for_the_names_that_most_records_have() -> None:
    rare = {f"r{number}": 1 for number in range(2 * MOST_NAMES)}

    found = columns_of({"often": 1}, rare, {"often": 2})

    assert len(found) == MOST_COLUMNS
    assert found["often"] == "integer"


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"input_tokens": 3, "output_tokens": 4}, (3, 4)),
        ({"prompt_tokens": 3, "completion_tokens": 0, "total_tokens": 3}, (3, 0)),
        (
            {
                "model_usage_summaries": {
                    "a": {"total_input_tokens": 123, "total_output_tokens": 4},
                    "b": {"total_input_tokens": 1},
                    "c": None,
                }
            },
            (124, 4),
        ),
        ({"input_tokens": True, "output_tokens": "4"}, (None, None)),
        ({"input_tokens": -1, "output_tokens": 2**63}, (None, None)),
        ("much", (None, None)),
        (None, (None, None)),
    ],
)
def test_tokens_are_found_whatever_the_log_calls_them(
    usage: Any, tokens: tuple[int | None, int | None]
) -> None:
    said = [{"usage": usage}]
    found = [values_of(name, OF_RUNS[name], said) for name in ("input_tokens", "output_tokens")]

    assert tuple(one for (one,) in found) == tokens


@pytest.mark.parametrize(
    ("said", "cost"),
    [
        ({"cost": 1}, 1.0),
        ({"cost": "1", "usage": {"total_cost": 0.5}}, 0.5),
        ({"cost": True}, None),
        ({}, None),
    ],
)
def test_a_cost_is_a_number(said: dict[str, Any], cost: float | None) -> None:
    assert values_of("cost", "number", [said]) == [cost]


@given(
    st.lists(
        st.dictionaries(
            st.text(),
            st.recursive(
                st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
                lambda inner: st.lists(inner, max_size=2),
            ),
        )
    )
)
def test_whatever_is_said_has_values_of_the_type_of_its_column(said: list[dict[str, Any]]) -> None:
    types = {"integer": int, "number": float, "truth": bool, "text": str}
    for name, kind in columns_of(*said).items():
        for value, one in zip(values_of(name, kind, said), said, strict=True):
            assert (value is None) == (one.get(name) is None)
            assert value is None or type(value) is types[kind]
            assert json.dumps(value, ensure_ascii=False).encode()
