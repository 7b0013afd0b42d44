"""A log is read as what it is, however it is written, and every part says where it stands."""

import json
from collections.abc import Iterator

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.discovery.domain.encodings import (
    UTF_8,
    UTF_16_BE,
    UTF_16_LE,
    UTF_32_BE,
    UTF_32_LE,
    WIDE,
    Encoding,
    detect,
)
from services.discovery.domain.entries import BadLine
from services.discovery.domain.json_values import JsonObject, parse_line
from services.discovery.domain.lines import Line, LineSplitter, OversizedLine

ALL = [UTF_8, *WIDE]
ENCODINGS = pytest.mark.parametrize("encoding", ALL, ids=lambda one: one.name)
WIDE_ENCODINGS = pytest.mark.parametrize("encoding", WIDE, ids=lambda one: one.name)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
OBJECTS = st.dictionaries(TEXTS, TEXTS | st.integers(0, 9), max_size=3)
GARBAGE = st.sampled_from(["", " oops", "7", '{"cut', " \u010a\u0a0a", "\0\0", '{"cut\0\0'])
LINES = st.lists(st.tuples(OBJECTS, GARBAGE), min_size=1, max_size=5)


def parse(content: bytes, sizes: list[int]) -> Iterator[JsonObject | BadLine]:
    splitter = LineSplitter(1000)
    lines: list[Line | OversizedLine] = []
    position = 0
    for size in sizes:
        lines += splitter.feed(content[position : position + size])
        position += size
    for line in [*lines, *splitter.feed(content[position:]), *splitter.finish()]:
        yield from parse_line(line, orjson.loads)


def written(lines: list[tuple[dict[str, object], str]]) -> str:
    return "\n".join(json.dumps(one, ensure_ascii=False) + garbage for one, garbage in lines)


@WIDE_ENCODINGS
@given(
    lines=LINES,
    mark=st.sampled_from(["\ufeff", ""]),
    nuls=st.integers(0, 40),
    sizes=st.lists(st.integers(0, 9), max_size=30),
)
def test_a_log_in_any_encoding_is_what_it_is_in_utf8(
    encoding: Encoding,
    lines: list[tuple[dict[str, object], str]],
    mark: str,
    nuls: int,
    sizes: list[int],
) -> None:
    text = "\0" * nuls + mark + written(lines)
    content = text.encode(encoding.name)

    plain = list(parse(text.encode(), []))
    found = list(parse(content, sizes))

    assert [(type(one), one.line, one.position) for one in found] == [
        (type(one), one.line, one.position) for one in plain
    ]
    for one, expected in zip(found, plain, strict=True):
        assert one.data.decode(encoding.name) == expected.data.decode()
        assert content[one.byte_offset :].startswith(one.data)
        before = content[: one.byte_offset].decode(encoding.name)
        assert len(before.encode()) == expected.byte_offset
        if isinstance(one, JsonObject) and isinstance(expected, JsonObject):
            assert one.value == expected.value
        if isinstance(one, BadLine) and isinstance(expected, BadLine):
            assert (one.size, one.reason) == (len(one.data), expected.reason)


@WIDE_ENCODINGS
@given(data=st.binary(max_size=40))
def test_no_bytes_are_lost_or_counted_twice(encoding: Encoding, data: bytes) -> None:
    text = encoding.decode(data)

    assert sum(map(encoding.size_of, text)) == len(data) - len(data) % encoding.width


@WIDE_ENCODINGS
@given(garbage=st.binary(max_size=40))
def test_whatever_follows_is_told_with_its_bytes(encoding: Encoding, garbage: bytes) -> None:
    """Half a character at the end included."""
    content = '{"a": 1}\n!'.encode(encoding.name) + garbage

    first, *bad = list(parse(content, [5]))

    assert isinstance(first, JsonObject)
    for one in bad:
        assert content[one.byte_offset :].startswith(one.data)
    kept = b"".join(one.data for one in bad)
    cut_off = content[len(content) - len(content) % encoding.width :].strip(b"\0")
    assert content.endswith(kept[-1:] if cut_off else b"")


@ENCODINGS
@given(nuls=st.integers(1, 40), sizes=st.lists(st.integers(0, 9), max_size=9))
def test_any_number_of_nuls_may_follow_the_last_line(
    encoding: Encoding, nuls: int, sizes: list[int]
) -> None:
    content = '{"a": 1}\n{"b": 2}\n'.encode(encoding.name) + bytes(nuls)

    found = list(parse(content, sizes))

    assert [one.value for one in found if isinstance(one, JsonObject)] == [{"a": 1}, {"b": 2}]
    assert len(found) == 2


@given(st.lists(OBJECTS, min_size=1), st.integers(0, 40), st.integers(0, 3))
def test_utf8_is_never_taken_for_anything_else(
    objects: list[dict[str, object]], nuls: int, spaces: int
) -> None:
    text = "\n".join(json.dumps(one, ensure_ascii=False) for one in objects)
    content = bytes(nuls) + b" " * spaces + text.encode()

    assert detect(content[nuls - nuls % 4 :][:16]) == UTF_8
    assert [one.value for one in parse(content, []) if isinstance(one, JsonObject)] == objects


@ENCODINGS
@pytest.mark.parametrize("mark", ["\ufeff", ""])
@pytest.mark.parametrize("beginning", ['{"', "{ ", "{}", "{\n", " {", "\r\n", '[{"', "[]"])
@pytest.mark.parametrize("nuls", range(5))
def test_two_characters_are_evidence_enough(
    encoding: Encoding, mark: str, beginning: str, nuls: int
) -> None:
    data = ("\0" * nuls + mark + beginning).encode(encoding.name)
    start = (len(data) - len(data.lstrip(b"\0"))) // 4 * 4

    assert detect(data[start:]) == encoding


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", UTF_8),
        (b"\0\0", UTF_8),
        (b"{\0", UTF_8),
        (b"\xff\xfe", UTF_16_LE),
        (b"\xfe\xff", UTF_16_BE),
        (b"\xff\xfe\0\0", UTF_32_LE),
        (b"\0\0\xfe\xff", UTF_32_BE),
        (b"\x1f\x8b\x08\0\0\0\0\0", UTF_8),
        (b"P\0A\0R\0", UTF_8),
    ],
)
def test_what_is_too_little_or_no_log(data: bytes, expected: Encoding) -> None:
    assert detect(data) == expected


def test_a_hole_takes_no_memory_and_costs_no_line() -> None:
    """Before the first line, between two, inside a line's end, and at the end of the file."""
    splitter = LineSplitter(20)
    hole = bytes(1 << 20)
    lines = splitter.feed(hole) + splitter.feed(b'{"a": 1}') + splitter.feed(hole)
    lines += splitter.feed(b"\n") + splitter.feed(hole) + splitter.feed(b'{"a": 2}\n')
    lines += splitter.feed(hole) + splitter.finish()

    size = 1 << 20
    assert lines == [
        Line(1, size, b'{"a": 1}'),
        Line(2, 2 * size + 9 + size, b'{"a": 2}'),
    ]
    assert sum(map(len, splitter._parts)) == 0
