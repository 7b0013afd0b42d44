"""Measures the requests to an embedding server, whichever it is."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from services.embedding.ports import Embedder, EmbedderUnavailableError, TextsRejectedError
from shared import waits
from shared.observability import embedder_metrics as metrics
from shared.waits import WAITS


class MeasuredEmbedder:
    """Another embedder, measured."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        for outcome in ("done", "unavailable", "rejected", "failed"):
            metrics.EMBEDDER_REQUESTS.begin(outcome=outcome)
        for counter in (
            metrics.EMBEDDER_RETRIES,
            metrics.EMBEDDER_TEXTS,
            metrics.EMBEDDER_CHARACTERS,
            metrics.EMBEDDER_TOKENS,
        ):
            counter.begin()

    @property
    def model(self) -> str:
        """Name of the model; see the port."""
        return self._embedder.model

    @property
    def max_texts(self) -> int:
        """How many texts a request may hold."""
        return self._embedder.max_texts

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed some texts; see the port."""
        outcome = "failed"
        try:
            with (
                metrics.EMBEDDER_IN_FLIGHT.during(),
                metrics.EMBEDDER_REQUEST.timed(),
                WAITS.trying("the embedding server"),
            ):
                vectors = await self._embedder.embed(texts)
            outcome = "done"
        except EmbedderUnavailableError:
            outcome = "unavailable"
            raise
        except TextsRejectedError:
            outcome = "rejected"
            raise
        finally:
            metrics.EMBEDDER_REQUESTS.add(outcome=outcome)
        metrics.EMBEDDER_TEXTS.add(len(texts))
        metrics.EMBEDDER_CHARACTERS.add(sum(map(len, texts)))
        return vectors


async def pause(seconds: float) -> None:
    """Sleep before another try, and count it."""
    metrics.EMBEDDER_RETRIES.add()
    await waits.pause(seconds)
