"""What a query means, and which piece of a text shows why it was found."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.domain.words import MOST_WORDS, beginning, excerpt, parse_words, told_text


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("parser  failed", ("parser", "failed")),
        ('"run  tests" parser', ("run tests", "parser")),
        ("Parser parser PARSER", ("Parser",)),
        ('an "open one', ("an", '"open', "one")),
        ('"" " "', ('""',)),
        ("  ", ()),
        (" ".join(str(one) for one in range(40)), tuple(str(one) for one in range(MOST_WORDS))),
    ],
)
def test_words_and_what_stands_in_quotes(query: str, words: tuple[str, ...]) -> None:
    assert parse_words(query) == words


def test_matches_are_every_second_part() -> None:
    parts = excerpt("The parser failed, and PARSER means Parser.", ("parser", "failed"), 200)

    assert parts[1::2] == ["parser", "failed", "PARSER", "Parser"]
    assert "".join(parts) == "The parser failed, and PARSER means Parser."


def test_what_is_far_from_the_beginning_is_shown_with_what_is_around() -> None:
    parts = excerpt("x" * 1000 + " needle " + "y" * 1000, ("needle",), 200)

    assert parts[0].startswith("…x")
    assert parts[1] == "needle"
    assert parts[2].endswith("y…")


@given(
    text=st.text(max_size=400),
    words=st.lists(st.text(min_size=1, max_size=4), max_size=3).map(tuple),
    most=st.integers(100, 200),
)
def test_the_parts_are_a_piece_of_the_text(text: str, words: tuple[str, ...], most: int) -> None:
    parts = excerpt(text, words, most)

    piece = "".join(parts)
    inner = piece.removeprefix("…") if not text.startswith(piece[:1] or text) else piece
    assert inner in text or inner.removesuffix("…") in text
    assert len(piece) <= most + 2
    assert len(parts) % 2 == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("URL: http://a/b\nCurrent?: YES\nYear: 1963\nNotes: Merged with Ultron. A wake: held",
         "Merged with Ultron. A wake: held · YES"),
        ("a: 1\nb: 2017-08-27 00:05", "1 · 2017-08-27 00:05"),
        ("Note: this is a text of one line", "Note: this is a text of one line"),
        ("first: a line\nand one without a name", "first: a line\nand one without a name"),
    ],
)  # fmt: skip
def test_a_row_is_told_by_its_cells_that_say_something(text: str, told: str) -> None:
    assert told_text(text, "record") == told
    assert told_text(text, "iteration") == text


def test_a_beginning_says_that_its_text_goes_on() -> None:
    assert beginning("one two", 7) == "one two"
    assert beginning("one two", 5) == "one…"
