"""Which vectors are known from before: those of a server that would give them again."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import structlog
from numpy.typing import NDArray

from services.embedding.domain.vectors import is_alike
from services.embedding.ports import TextsRejectedError, VectorCache
from shared.clock import Clock
from shared.observability import embedder_metrics as metrics

TRUST_S = 600.0
"""So long a server that has answered without a failure is taken for the one that it was."""
PAUSE_S = 5.0
"""So long a cache that could not be used, or whose server is doubted, is not tried again."""
Vector = NDArray[np.float32]
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Ticket:
    """That a server was found to be the one whose vectors a generation of the cache holds."""

    generation: int
    mark: int
    """Of the cache, before anything was kept with this ticket."""


class Recall:
    """The vectors that one server gave, as long as it would give them again.

    A name says little of a model: behind the same address another may answer. So a plain sentence
    is embedded when a process begins, after each outage, and now and then: what it comes out as
    tells which of the models that are known by this name answers, or that it is none of them.
    """

    def __init__(self, cache: VectorCache, space: str, *, clock: Clock) -> None:
        """Begin with nothing taken for granted.

        Args:
            cache: Where vectors are kept.
            space: What the models of the server are called and asked like.
            clock: Says how long ago the server was asked.
        """
        self._cache = cache
        self._space = space
        self._clock = clock
        self._asking = asyncio.Lock()
        self._ticket: Ticket | None = None
        self._last: Ticket | None = None
        """Also if it is doubted by now."""
        self._asked_at = -math.inf
        self._doubts = 0

    async def ticket(self, ask: Callable[[], Awaitable[Vector]]) -> Ticket | None:
        """Return what vectors are found and kept with; None: at present nothing is known.

        Args:
            ask: Has the server embed the sentence; the vector is of shape (d,).

        Raises:
            EmbedderUnavailableError: The server is away.
        """
        async with self._asking:
            age_s = self._clock.monotonic() - self._asked_at
            if age_s > TRUST_S or (self._ticket is None and age_s > PAUSE_S):
                self._ticket, self._asked_at, doubts = None, self._clock.monotonic(), self._doubts
                try:
                    vector = await ask()
                except TextsRejectedError:
                    return None
                ticket = await self._issue(vector)
                self._ticket = ticket if doubts == self._doubts else None
            return self._ticket

    def doubt(self) -> None:
        """Take nothing for granted any more: whoever answers next may be another."""
        self._ticket = None
        self._doubts += 1

    async def find(self, ticket: Ticket, texts: Sequence[str]) -> Mapping[str, Vector]:
        """Return the vectors (d,) that are known, by text."""
        found = await self._cache.get(ticket.generation, texts)
        metrics.VECTOR_CACHE.add(len(found), outcome="hit")
        metrics.VECTOR_CACHE.add(len(texts) - len(found), outcome="miss")
        return found

    async def keep(self, ticket: Ticket, vectors: Mapping[str, Vector]) -> None:
        """Keep vectors (d,) by text, unless the server has been doubted since they were wanted."""
        if self._ticket is ticket:
            await self._cache.put(ticket.generation, vectors)

    async def _issue(self, canary: Vector) -> Ticket | None:
        known = await self._cache.generations(self._space)
        number = next((one.number for one in known if is_alike(one.canary, canary)), None)
        if number is None:
            number = await self._cache.begin(self._space, canary)
            if known:
                log.warning("embedder.is_another_model", known_before=len(known))
        last = self._last
        if last is not None and number != last.generation:
            # Nobody knows since when another one answers: perhaps without a failure in between.
            await self._cache.forget(last.generation, last.mark)
        if number is None:
            return None
        self._last = Ticket(number, await self._cache.mark())
        return self._last
