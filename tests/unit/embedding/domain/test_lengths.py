import base64
import json

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from services.embedding.domain.lengths import Expected


@given(st.integers(1, 40), st.integers(1, 300), st.booleans(), st.sampled_from([None, 2, 8]))
@settings(max_examples=60, deadline=None)
def test_every_honest_answer_is_short_enough(
    texts: int, dimension: int, is_packed: bool, indent: int | None
) -> None:
    """Also the longest numbers there are, one a line."""
    vector = np.full(dimension, -1.2345678e-38, np.float32)
    wide = [-1.2345678901234567e-300] * dimension
    one = base64.b64encode(vector.tobytes()).decode() if is_packed else wide
    data = [{"object": "embedding", "index": i, "embedding": one} for i in range(texts)]
    answer = json.dumps({"object": "list", "data": data, "model": "m" * 200}, indent=indent)
    expected = Expected()
    assert len(answer) <= expected.size_bytes(texts)

    expected.learn(dimension, is_packed=is_packed)

    assert len(answer) <= expected.size_bytes(texts)


def test_what_is_repeated_may_be_escaped() -> None:
    text = "\u4e2d" * 100_000
    answer = json.dumps({"text": text, "vector": [0.5], "dim": 1})
    expected = Expected(dimension=1)

    assert len(answer) > expected.size_bytes(1)
    assert len(answer) <= expected.size_bytes(1, repeated_bytes=len(text.encode()))


def test_what_was_learnt_can_be_forgotten() -> None:
    expected = Expected()
    most = expected.size_bytes(3)
    expected.learn(8, is_packed=True)
    assert expected.size_bytes(3) < most / 100

    expected.forget()

    assert expected.size_bytes(3) == most
