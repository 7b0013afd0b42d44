import re

import pytest

from services.labels.domain.wording import (
    FEWEST_ROWS,
    WORD,
    is_form_of,
    plain,
    same_cells,
    script_of,
)


def words_of(text: str) -> list[str]:
    return re.findall(WORD, plain(text, 1000))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"tool": "read_file", "ok": true, "rest": null}', ["read_file"]),
        ("```json\n[false, None, 3]\n```", []),
        ("see https://host.example/path?x=json now", ["see", "now"]),
        ("<div class='big'>Привет, <b>Мир</b></div>", ["привет", "мир"]),
        ("Content-Type: application/json", ["content", "type"]),
        ("report_final.json and notes.txt", ["report_final", "and", "notes"]),
        ("one\\nline\\tand caf\\u00e9", ["one", "line", "and", "caf"]),
        ("it is true that nothing is null here", ["true", "that", "nothing", "null", "here"]),
        ("0xdeadbeef a1b2c3d4 x9 _private __init__ snake_case", ["snake_case"]),
        ("Done: no\nRefunded: false\nRest: None", []),
        ("false", []),
        ("й й", []),
        ("иной", ["иной"]),
        ("", []),
    ],
)
def test_words_are_what_is_said_and_not_what_its_notation_has(text: str, words: list[str]) -> None:
    assert words_of(text) == words


def test_a_text_is_looked_at_from_its_beginning_only() -> None:
    assert plain("Alpha beta", 5) == "alpha"


@pytest.mark.parametrize(
    ("one", "other", "are"),
    [
        ("refund", "refunds", True),
        ("возврат", "возврата", True),
        ("возвраты", "возвратов", True),
        ("card", "care", False),
        ("graph", "grammar", False),
        ("test", "testing", True),
    ],
)
def test_forms_of_a_word_are_one(one: str, other: str, are: bool) -> None:
    assert is_form_of(one, other) is are


def test_a_word_is_of_the_script_of_its_letters() -> None:
    assert [script_of(one) for one in ("word", "слово", "λόγος")] == ["latin", "cyrillic", "greek"]


def test_of_a_row_its_cells_are_what_is_said() -> None:
    row = "Product line: Health and beauty\nPayment: Ewallet\nNotes: it says: yes"
    assert plain(row, 1000) == "health and beauty\newallet\nit says: yes"
    assert plain("Note: one line of a text", 1000) == "note: one line of a text"
    assert plain("One: of\nmany lines\nof a\ntext", 1000) == "one: of\nmany lines\nof a\ntext"


def test_what_nearly_all_rows_of_a_table_have_alike_is_not_said_by_any() -> None:
    rows = [f"Name: number {one}\nState: {'active' if one % 5 else 'closed'}" for one in range(10)]
    other = [f"Title: book {one}\nState: {'active' if one % 2 else 'closed'}" for one in range(10)]
    same = same_cells([*rows, *other, "State: active", "no row"])

    assert same == {("Name", "State", "active")}
    assert plain(rows[1], 1000, same) == "number 1\n"
    assert plain(rows[0], 1000, same) == "number 0\nclosed"
    assert plain(other[1], 1000, same) == "book 1\nactive"
    assert plain("State: active", 1000, same) == "state: active"


def test_of_a_few_rows_nothing_is_said() -> None:
    rows = [f"Name: number {one}\nState: active" for one in range(FEWEST_ROWS - 1)]

    assert same_cells(rows) == frozenset()
