"""However an answer is written, it is read as JSON has it, or refused."""

import base64
import json
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.embedding.adapters import json_answer
from services.embedding.adapters.json_answer import NoVectorsError, parse
from services.embedding.adapters.openai_embedder import read_answer
from services.embedding.ports import TextsRejectedError

digits = st.text("0123456789", min_size=75, max_size=100)
texts = st.text(max_size=120) | digits | st.text('"\\[]{}\n1,', max_size=120)
finite = st.floats(allow_nan=False, allow_infinity=False)
numbers = st.lists(finite | st.integers(-9, 9) | st.none(), max_size=60)
values = st.recursive(
    st.none() | st.booleans() | texts | numbers,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)


@pytest.fixture
def always_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Treat every answer as a long one."""
    monkeypatch.setattr(json_answer, "SMALL", -1)


def restored(parsed: json_answer.Parsed, value: Any) -> Any:
    value = parsed.restored(value)
    if isinstance(value, list):
        return [restored(parsed, one) for one in value]
    if isinstance(value, dict):
        return {parsed.restored(name): restored(parsed, one) for name, one in value.items()}
    return value


@pytest.mark.usefixtures("always_aside")
@pytest.mark.parametrize("indent", [None, 3])
def test_what_is_set_aside_comes_back_as_it_was(indent: int | None) -> None:
    @given(values)
    @settings(max_examples=150, deadline=None)
    def check(value: Any) -> None:
        content = json.dumps(value, indent=indent).encode()
        parsed = parse(content, 64)
        assert restored(parsed, parsed.value) == orjson.loads(content)

    check()


@pytest.mark.usefixtures("always_aside")
def test_nobody_can_pass_off_a_text_as_one_that_was_set_aside() -> None:
    forged = "0" * json_answer.SET_ASIDE
    content = json.dumps({"data": [forged, forged, [1.5] * 99]}).encode()

    parsed = parse(content, 1)

    assert restored(parsed, parsed.value) == json.loads(content)
    assert parsed.vector(parsed.value["data"][0]).size == 60 // 4  # its own, not the 99 of another


@pytest.mark.usefixtures("always_aside")
@pytest.mark.parametrize("form", ["list", "base64", "escaped base64"])
def test_long_vectors_are_read_bit_by_bit(form: str) -> None:
    vector = np.random.default_rng(3).normal(size=3000).astype(np.float32)
    packed = json.dumps(base64.b64encode(vector.tobytes()).decode())
    written = {
        "list": json.dumps(vector.tolist()),
        "base64": packed,
        "escaped base64": packed.replace("/", "\\/"),
    }[form]
    parsed = parse(b'{"v": %s}' % written.encode(), 1)

    assert np.array_equal(parsed.vector(parsed.value["v"]), vector)
    assert parsed.is_packed(parsed.value["v"]) == (form != "list")


BOMBS = {
    "numbers": lambda size: b'{"data":[' + b"1.5," * (size // 4) + b"1]}",
    "lists": lambda size: b'{"data":[' + b"[]," * (size // 3) + b"1]}",
    "objects": lambda size: b'{"data":[' + b"{}," * (size // 3) + b"1]}",
    "words": lambda size: b'{"data":[' + b'"a",' * (size // 4) + b"1]}",
    "texts": lambda size: b'{"data":[' + (b'"%s",' % (b"a" * 100)) * (size // 103) + b"1]}",
    "escapes": lambda size: b'{"data":"' + b"\\n" * (size // 2) + b'"}',
    "no end": lambda size: b'{"data":"' + b"a" * size,
    "quotes": lambda size: b'"' * size,
    "escaped quotes": lambda size: b'"' + b'\\"' * (size // 2),
    "brackets": lambda size: b"[" * size,
}


@pytest.mark.parametrize("kind", BOMBS)
def test_a_long_answer_that_is_none_is_refused(kind: str) -> None:
    with pytest.raises((NoVectorsError, TextsRejectedError)):
        read_answer(BOMBS[kind](8 << 20), 4)
