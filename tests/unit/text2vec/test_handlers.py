from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from services.text2vec.handlers import TURN_TEXTS, BlankText, embed_texts
from tests.fakes.text_encoder import FakeTextEncoder


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(max_workers=1) as executor:
        yield executor


async def test_a_large_request_is_embedded_in_turns(executor: ThreadPoolExecutor) -> None:
    """A small request that comes meanwhile waits for one turn, not for all of them."""
    encoder = FakeTextEncoder()
    texts = [f"text {number}" for number in range(TURN_TEXTS * 2 + 1)]

    encoded = await embed_texts(texts, encoder=encoder, executor=executor)

    assert [len(call) for call in encoder.calls] == [TURN_TEXTS, TURN_TEXTS, 1]
    assert np.array_equal(encoded.vectors, encoder.encode(texts).vectors)
    assert encoded.token_counts == (2,) * len(texts)


async def test_a_blank_text_is_named_before_anything_is_embedded(
    executor: ThreadPoolExecutor,
) -> None:
    encoder = FakeTextEncoder()

    with pytest.raises(BlankText, match="index 1") as caught:
        await embed_texts(["a", " \n"], encoder=encoder, executor=executor)

    assert caught.value.index == 1
    assert encoder.calls == []


async def test_no_texts_give_no_vectors(executor: ThreadPoolExecutor) -> None:
    encoded = await embed_texts([], encoder=FakeTextEncoder(), executor=executor)

    assert encoded.vectors.shape == (0, 4)
