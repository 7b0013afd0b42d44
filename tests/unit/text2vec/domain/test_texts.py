from hypothesis import given
from hypothesis import strategies as st

from services.text2vec.domain.texts import cut_text, is_blank, split_text

SPACED = st.text("ab \n\t\u2003.")


def test_only_whitespace_is_blank() -> None:
    assert [is_blank(text) for text in ("", " ", "\n\t\u2003", "\x1f")] == [True] * 4
    assert [is_blank(text) for text in ("a", " . ", "\x00", "\u200b")] == [False] * 4


@given(SPACED, st.integers(1, 10))
def test_a_cut_text_is_short_and_blank_only_if_it_was(text: str, size: int) -> None:
    cut = cut_text(text, size)

    assert len(cut) <= size
    assert cut in text
    assert is_blank(cut) == is_blank(text)


def test_a_short_text_stays_as_it_is() -> None:
    assert cut_text("  abc", 5) == "  abc"
    assert cut_text("  abc", 4) == "abc"


@given(SPACED, st.integers(2, 10))
def test_pieces_are_the_text_again(text: str, size: int) -> None:
    pieces = list(split_text(text, size))

    assert "".join(pieces) == text
    assert all(0 < len(piece) <= size for piece in pieces)


@given(st.lists(st.text("ab", min_size=1, max_size=4), min_size=1), st.integers(10, 20))
def test_no_word_is_cut_where_there_is_whitespace(words: list[str], size: int) -> None:
    pieces = split_text(" ".join(words), size)

    assert [word for piece in pieces for word in piece.split()] == words


def test_a_run_without_whitespace_is_cut_hard() -> None:
    assert list(split_text("x" * 10, 4)) == ["xxxx", "xxxx", "xx"]
