import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.text2vec.routes import RefusalError, parse_object


def test_a_deeply_nested_body_with_a_surrogate_is_refused() -> None:
    """The standard library, which takes over for surrogates, gives up with RecursionError."""
    with pytest.raises(RefusalError):
        parse_object(b'{"a": "\\ud800", "b": ' + b"[" * 100_000, 400)


@settings(deadline=None)
@given(st.text(st.characters()))
def test_any_text_survives_json_but_for_its_lone_surrogates(text: str) -> None:
    escaped = "".join(f"\\u{ord(c):04x}" if ord(c) < 0x10000 else c for c in text)
    expected = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")

    parsed = parse_object(f'{{"text": "{escaped}"}}'.encode(), 400)

    assert parsed["text"] == expected
