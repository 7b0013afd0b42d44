from hypothesis import given
from hypothesis import strategies as st

from services.discovery.domain.encodings import ALIGNMENT, detect
from services.discovery.domain.lines import Line, LineSplitter, OversizedLine


def is_narrow(content: bytes) -> bool:
    """Tell whether a content does not happen to look like UTF-16, as NUL, newline, NUL, a."""
    nuls = len(content) - len(content.lstrip(b"\0"))
    return detect(content[nuls - nuls % ALIGNMENT :]).width == 1


CONTENT = (
    st.lists(st.sampled_from([b"a", b"bc", b"\n", b"\r\n", b"\0", b"long" * 5]))
    .map(b"".join)
    .filter(is_narrow)
)


def split(content: bytes, sizes: list[int], limit: int = 1000) -> list[Line | OversizedLine]:
    splitter = LineSplitter(limit)
    lines: list[Line | OversizedLine] = []
    for size in sizes:
        lines += splitter.feed(content[:size])
        content = content[size:]
    return lines + splitter.feed(content) + splitter.finish()


@given(CONTENT, st.lists(st.integers(0, 7)), st.sampled_from([3, 1000]))
def test_how_the_content_is_cut_makes_no_difference(
    content: bytes, sizes: list[int], limit: int
) -> None:
    assert split(content, sizes, limit) == split(content, [], limit)


@given(CONTENT, st.lists(st.integers(0, 7)))
def test_the_lines_are_the_content(content: bytes, sizes: list[int]) -> None:
    lines = split(content, sizes)

    expected = [one.strip(b"\0") for one in content.split(b"\n")]
    assert [one.data for one in lines if isinstance(one, Line)] == (
        expected if expected[-1] else expected[:-1]
    )


@given(CONTENT)
def test_every_line_stands_where_it_says(content: bytes) -> None:
    for one in split(content, []):
        assert isinstance(one, Line)
        assert content[one.byte_offset :].startswith(one.data)
        assert content[: one.byte_offset].count(b"\n") == one.number - 1


def test_a_long_line_is_told_of_but_not_kept() -> None:
    lines = split(b"ab\n0123456789\ncd", [1, 4], limit=4)

    assert lines == [Line(1, 0, b"ab"), OversizedLine(2, 3, 10, 4, b"0123"), Line(3, 14, b"cd")]


def test_a_line_of_just_the_limit_is_kept() -> None:
    assert split(b"0123\n", [], limit=4) == [Line(1, 0, b"0123")]


def test_a_long_line_takes_no_memory() -> None:
    splitter = LineSplitter(10)

    for _ in range(1000):
        splitter.feed(b"x" * 100)

    assert sum(map(len, splitter._parts)) == 0
