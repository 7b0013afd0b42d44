"""What servers answer, and what becomes of it."""

import base64
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from services.embedding.adapters import openai_embedder, vectors_embedder
from services.embedding.ports import TextsRejectedError

floats = arrays(
    np.float32,
    st.integers(1, 40),
    elements=st.floats(width=32, allow_nan=False, allow_infinity=False),
)


def packed(*values: float) -> str:
    return base64.b64encode(np.array(values, "<f4").tobytes()).decode()


def item(index: int, embedding: Any) -> dict[str, Any]:
    return {"index": index, "embedding": embedding}


def openai(data: Any, count: int) -> np.ndarray:
    return openai_embedder.read_answer(json.dumps({"data": data}).encode(), count).vectors


@pytest.mark.parametrize("form", [packed, lambda *values: list(values)], ids=["base64", "list"])
def test_openai_vectors_are_put_in_the_order_of_their_index(form: Any) -> None:
    data = [item(2, form(5, 6)), item(0, form(1, 2)), item(1, form(3, 4))]

    found = openai(data, 3)

    assert found.tolist() == [[1, 2], [3, 4], [5, 6]]
    assert found.dtype == np.float32


@given(floats)
@settings(max_examples=50, deadline=None)
def test_base64_is_bit_by_bit(vector: np.ndarray) -> None:
    assert np.array_equal(openai([item(0, packed(*vector))], 1)[0], vector)


@pytest.mark.parametrize(
    ("data", "count"),
    [
        ([item(0, [1.0])], 2),
        ([item(0, [1.0]), item(1, [1.0])], 1),
        ([], 1),
        ({"a": 1}, 1),
        ("a", 1),
        (None, 1),
        (7, 1),
        (["a"], 1),
        ([None], 1),
        ([{"index": 0}], 1),
        ([item(0, [])], 1),
        ([item(0, "")], 1),
        ([item(0, "AAA=")], 1),
        ([item(0, "????")], 1),
        ([item(0, "é")], 1),
        ([item(0, None)], 1),
        ([item(0, {"a": 1})], 1),
        ([item(0, [[1.0]])], 1),
        ([item(0, ["a"])], 1),
        ([item(0, [1.0]), item(1, [1.0, 2.0])], 2),
        ([item(0, [1.0]), {"index": "b", "embedding": [1.0]}], 2),
        ([item(0, [True])], 1),
        ([item(0, ["1.5"])], 1),
        ([item(0, [1.0, [2.0]])], 1),
        ([item(0, "AAAAAA==\n")], 1),
        ([item(0, [1.0] * 65_537)], 1),
    ],
)
def test_openai_answers_that_make_no_sense_are_refused(data: Any, count: int) -> None:
    with pytest.raises(TextsRejectedError) as told:
        openai(data, count)

    assert told.value.ambiguous


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"null", b'"data"', b'{"data":', b"\xff"])
def test_openai_bodies_that_are_no_answer_are_refused(body: bytes) -> None:
    with pytest.raises(TextsRejectedError):
        openai_embedder.read_answer(body, 1)


def test_numbers_too_large_for_a_float_are_infinite_and_null_is_nan() -> None:
    """The handler takes neither; it is the one that knows what to do about it."""
    found = openai([item(0, [1e300, None, -1e300])], 1)

    np.testing.assert_array_equal(found, np.array([[np.inf, np.nan, -np.inf]], np.float32))


@given(floats, st.sampled_from([None, 1, "\t"]), st.sampled_from(["\n", "\r\n", "\r"]))
@settings(max_examples=80, deadline=None)
def test_vectors_are_read_to_the_last_bit_however_the_json_is_laid_out(
    vector: np.ndarray, indent: int | str | None, line_end: str
) -> None:
    body = {"text": 'two\nlines, a } and a "vector": [9]', "vector": vector.tolist(), "dim": 2}
    text = json.dumps(body, indent=indent).replace("\n", line_end) + line_end

    found = vectors_embedder.read_answer(text.encode()).vectors

    assert np.array_equal(found, vector[None])


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"{}", b"null", b'{"vector":[]}', b'{"vector":null}', b'{"vector":"a"}',
        b'{"vector":[[1]]}', b'{"vector":{"a":1}}', b'{"vector":[1,2',
        b'{"vector":[1]}{"vector":[2]}', b'{"error":"no text"}', b"\xff", b"<html>",
    ],
)  # fmt: skip
def test_vectors_answers_that_make_no_sense_are_refused(body: bytes) -> None:
    with pytest.raises(TextsRejectedError) as told:
        vectors_embedder.read_answer(body)

    assert told.value.ambiguous


def test_null_is_refused_and_not_the_end_of_the_process() -> None:
    """Arrow's JSON reader, which was here once, dies of it: a poison no retry survives."""
    with pytest.raises(TextsRejectedError):
        vectors_embedder.read_answer(b"null")


def test_a_wide_vector_is_no_obstacle() -> None:
    vector = np.random.default_rng(0).normal(size=8192).astype(np.float32)

    body = json.dumps({"vector": vector.tolist()}).encode()

    assert np.array_equal(vectors_embedder.read_answer(body).vectors[0], vector)


@pytest.mark.parametrize(
    ("usage", "told"),
    [
        ({"prompt_tokens": 12}, 12),
        ({"prompt_tokens": "12"}, 0),
        ({"prompt_tokens": True}, 0),
        ({"prompt_tokens": 1.5}, 0),
        ({"prompt_tokens": -1}, 0),
        ({}, 0),
        (None, 0),
        ([], 0),
    ],
)
def test_tokens_are_told_if_the_answer_says_how_many(usage: Any, told: int) -> None:
    """Many servers say nothing, or something else: that must cost no vectors."""
    body = json.dumps({"data": [item(0, packed(1.0))], "usage": usage}).encode()

    found = openai_embedder.read_answer(body, 1)

    assert (found.vectors.shape, found.tokens) == ((1, 1), told)
