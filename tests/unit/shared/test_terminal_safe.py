import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.terminal_safe import terminal_safe


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("runs/größe 1.jsonl", "runs/größe 1.jsonl"),
        ("日本語 🙂 👩‍🔬", "日本語 🙂 👩‍🔬"),
        ("\x1b[2J\x1b]0;owned\x07", r"\x1b[2J\x1b]0;owned\x07"),
        ("\x9b31m", r"\x9b31m"),
        ("a\nb\rc\td", r"a\nb\rc\td"),
        ("txt.\u202elnosj", r"txt.\u202elnosj"),
        ("\u2028\u2029\u200b", r"\u2028\u2029\u200b"),
        ("\udcff", r"\xff"),
        ("\ud800", r"\ud800"),
        ("\x00", r"\x00"),
    ],
)
def test_what_a_terminal_acts_on_is_written_out(text: str, written: str) -> None:
    assert terminal_safe(text) == written


def test_ends_of_lines_can_be_kept() -> None:
    assert terminal_safe("a\nb\x1b", keep="\n") == "a\nb\\x1b"


@given(st.text())
def test_nothing_is_left_that_hides_or_moves(text: str) -> None:
    written = terminal_safe(text)

    written.encode()
    assert not any(ord(one) < 32 or 127 <= ord(one) < 160 for one in written)
    assert not set(written) & set("\u2028\u2029\u202a\u202e\u2066\u2069\ufeff")
