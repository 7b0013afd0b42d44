import json
import tracemalloc
from itertools import islice
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.discovery.domain.entries import BadLine
from services.discovery.domain.json_values import (
    MAX_BAD_VALUES,
    Decode,
    JsonObject,
    parse_line,
)
from services.discovery.domain.lines import Line, OversizedLine
from tests.unit.discovery.builders import line

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(max_size=3), JSON, max_size=3)
PARSERS = pytest.mark.parametrize("decode", [orjson.loads, json.loads], ids=["orjson", "json"])


def values(data: bytes, decode: Decode = orjson.loads) -> list:
    return [
        found.value if isinstance(found, JsonObject) else found.reason
        for found in parse_line(line(data), decode)
    ]


@given(st.lists(OBJECTS, max_size=4), st.sampled_from(["", " ", "\t", "\r"]))
def test_all_objects_of_a_line_are_read(objects: list[dict[str, Any]], space: str) -> None:
    data = space.join(json.dumps(one) for one in objects).encode()

    assert values(data) == objects


@given(st.binary(max_size=40).filter(lambda data: b"\n" not in data))
def test_no_part_of_a_line_is_lost(data: bytes) -> None:
    found = list(parse_line(line(data), orjson.loads))

    kept = b"".join(one.data for one in found)
    assert without_space(kept) == without_space(data.removeprefix(b"\xef\xbb\xbf"))


def without_space(data: bytes) -> bytes:
    return b"".join(data.replace(b"\0", b" ").split())


@given(st.lists(OBJECTS, min_size=1, max_size=3), st.binary(max_size=10))
def test_every_value_stands_where_it_says(objects: list[dict[str, Any]], garbage: bytes) -> None:
    data = " ".join(json.dumps(one, ensure_ascii=False) for one in objects).encode()
    data += b" " + garbage.replace(b"\n", b"")

    for one in parse_line(line(data, byte_offset=0), orjson.loads):
        assert data[one.byte_offset :].startswith(one.data)


@PARSERS
@given(data=OBJECTS.map(lambda one: json.dumps(one, ensure_ascii=False).encode()))
def test_the_fast_parser_gives_what_the_strict_one_gives(decode: Decode, data: bytes) -> None:
    assert values(data, decode) == [json.loads(data)]


@PARSERS
@pytest.mark.parametrize("data", [b"", b"  \t\r", b"\xef\xbb\xbf", b"\xef\xbb\xbf \r"])
def test_a_blank_line_holds_nothing(decode: Decode, data: bytes) -> None:
    assert list(parse_line(line(data), decode)) == []


@PARSERS
@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b'\xef\xbb\xbf{"a": 1}', [{"a": 1}]),
        (b'{"a": 1}\r', [{"a": 1}]),
        (b'{"a": 1}{"b": 2}', [{"a": 1}, {"b": 2}]),
        (b'{"a": "\xff"}', [{"a": "\udcff"}]),
        (b'{"a": "\\ud83d\\ude00"}', [{"a": "\U0001f600"}]),
        (b'{"a": "\\u0000"}', [{"a": "\0"}]),
        (b"[1]", ["a JSON array, not an object"]),
        (b"null", ["a JSON null, not an object"]),
        (b'{"a": 1} 7', [{"a": 1}, "a JSON number, not an object"]),
        (b'{"a": 1} {"b"', [{"a": 1}, "not JSON: Expecting ':' delimiter at character 14"]),
        (b"\0\0", []),
        (b'\0\0{"a": 1}\0', [{"a": 1}]),
        (b'{"a": 1}\0 \0{"b": 2}', [{"a": 1}, {"b": 2}]),
        (b'{"a\0\0{"b": 2}', ["not JSON: Invalid control character at character 4", {"b": 2}]),
        (b'{"a": "\0"}', ["not JSON: Invalid control character at character 8"]),
    ],
)
def test_what_a_line_holds(decode: Decode, data: bytes, expected: object) -> None:
    assert values(data, decode) == expected


def test_infinite_numbers_are_taken() -> None:
    assert values(b'{"a": Infinity}') == [{"a": float("inf")}]


def test_deep_nesting_is_a_bad_line() -> None:
    assert values(b"[" * 100_000) == ["not JSON: nested too deeply"]


@PARSERS
def test_a_line_of_many_values_that_are_no_objects_is_not_told_one_by_one(
    decode: Decode,
) -> None:
    found = list(parse_line(line(b"1 " * 1000 + b'{"a": 1}'), decode))

    assert [one.position for one in found] == list(range(MAX_BAD_VALUES + 1))
    assert found[-1].byte_offset == 2 * MAX_BAD_VALUES
    assert found[-1].data == b"1 " * (1000 - MAX_BAD_VALUES) + b'{"a": 1}'


def test_the_values_of_a_line_are_read_one_at_a_time() -> None:
    """Else a line of many would take a multiple of its bytes."""
    found = parse_line(line(b"{}" * 5_000_000), orjson.loads)

    assert isinstance(next(found), JsonObject)
    tracemalloc.start()
    assert sum(1 for _ in islice(found, 10_000)) == 10_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100_000


def test_a_bad_line_says_where_it_is() -> None:
    found = list(parse_line(Line(3, 100, '{"ä": 1} oops'.encode())))

    assert found[1] == BadLine(3, 1, 110, "not JSON: Expecting value at character 10", b"oops", 4)


def test_an_oversized_line_is_bad() -> None:
    found = list(parse_line(OversizedLine(2, 5, 70, 64, b"{...")))

    assert found == [BadLine(2, 0, 5, "line of 70 bytes exceeds the limit of 64", b"{...", 70)]
