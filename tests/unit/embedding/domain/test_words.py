from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.embedding.domain.words import Said, error_in, words_in, words_of_text

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "message", "detail", "code", "loc", "data", "x"]), inner
        )
    ),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"error": "Unexpected endpoint. (POST /x)"}, Said("Unexpected endpoint. (POST /x)")),
        ({"error": {"message": "no providers", "code": 404}}, Said("no providers", 404)),
        ({"error": {"message": "wait", "code": "429"}}, Said("wait", 429)),
        ({"error": {"message": "pay", "code": "insufficient_quota"}}, Said("pay", 429)),
        ({"error": {"message": "who?", "type": "authentication_error"}}, Said("who?", 401)),
        ({"object": "error", "message": "too long", "code": 400}, Said("too long", 400)),
        ({"detail": "Not Found"}, Said("Not Found")),
        (
            {"detail": [{"loc": ["body", "encoding_format"], "msg": "extra"}]},
            Said("body.encoding_format: extra"),
        ),
        (
            {"object": "error", "message": {"detail": [{"loc": ["body", 0], "msg": "odd"}]}},
            Said("body.0: odd"),
        ),
        ({"errors": [{"message": "a"}, {"message": "b"}]}, Said("a; b")),
        ({"error": {"code": 1200, "message": "own code"}}, Said("own code")),
        ({"error": {"code": True, "message": "no code"}}, Said("no code")),
        ({"data": [], "error": "half"}, Said("half")),
        ({"data": [], "error": None}, None),
        ({"vector": [1.0], "message": "fine"}, None),
        ({"error": None}, None),
        ({"error": {"": [7]}}, None),
        ([], None),
        (None, None),
    ],
)
def test_an_error_is_found_in_every_usual_shape(answer: Any, said: Said | None) -> None:
    assert error_in(answer) == said


@given(json_values)
def test_any_answer_can_be_looked_into(answer: Any) -> None:
    said = error_in(answer)

    assert said is None or said.words
    assert isinstance(words_in(answer), str)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("plain words", "plain words"),
        ("<!DOCTYPE html><title>Sign\n in</title><p>x", "a web page: Sign in"),
        (" <html><style>a{}</style><body>Bad <b>gateway</b>", "a web page: Bad gateway"),
        ("<html>", "a web page: "),
    ],
)
def test_of_a_page_its_title_or_text_is_told(text: str, words: str) -> None:
    assert words_of_text(text) == words


@pytest.mark.timeout(60)
@pytest.mark.parametrize("unit", ["<title>", "<script ", "<", "<h1>"])
def test_no_page_takes_time_by_its_square(unit: str) -> None:
    assert words_of_text("<html>" + unit * 100_000)
