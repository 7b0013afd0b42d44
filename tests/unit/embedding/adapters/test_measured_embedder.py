from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from services.embedding.adapters.measured_embedder import MeasuredEmbedder, pause
from services.embedding.ports import EmbedderUnavailableError, TextsRejectedError
from tests.metering import metered


class Server:
    model = "small"
    max_texts = 7

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if self.error:
            raise self.error
        return np.ones((len(texts), 3), np.float32)


async def test_what_was_embedded_is_counted() -> None:
    gained = metered()
    embedder = MeasuredEmbedder(Server())

    vectors = await embedder.embed(["abc", "é"])

    assert vectors.shape == (2, 3)
    assert (embedder.model, embedder.max_texts) == ("small", 7)
    assert gained("mapstream_embedder_requests_total", outcome="done") == 1
    assert gained("mapstream_embedder_texts_total") == 2
    assert gained("mapstream_embedder_characters_total") == 4
    assert gained("mapstream_embedder_request_seconds_count") == 1
    assert gained("mapstream_embedder_requests_in_flight") == 0


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (EmbedderUnavailableError("away"), "unavailable"),
        (TextsRejectedError("too long"), "rejected"),
        (RuntimeError("a bug"), "failed"),
    ],
)
async def test_a_failure_is_counted_by_what_it_was(error: Any, outcome: str) -> None:
    gained = metered()

    with pytest.raises(type(error)):
        await MeasuredEmbedder(Server(error)).embed(["abc"])

    assert gained("mapstream_embedder_requests_total", outcome=outcome) == 1
    assert gained("mapstream_embedder_texts_total") == 0


async def test_a_pause_is_a_retry() -> None:
    gained = metered()

    await pause(0)

    assert gained("mapstream_embedder_retries_total") == 1
