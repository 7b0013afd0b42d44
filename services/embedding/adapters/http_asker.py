"""Asks an embedding server for vectors, with no more memory in flight than there is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray

from services.embedding.adapters.answer_memory import AnswerMemory, memory_for_answers
from services.embedding.adapters.http_client import Answer, AnswerTooLongError, post
from services.embedding.domain.lengths import Expected
from services.embedding.ports import EmbedderUnavailableError, TextsRejectedError

COPIES = 3
"""The answer itself, what it is unpacked from or moved to while it comes, and its vectors."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """What an answer held."""

    vectors: NDArray[np.float32]
    """An array (n, d)."""
    is_packed: bool
    """Whether they were base64."""
    tokens: int = 0
    """How many the server says that the texts had."""


class HttpAsker:
    """Sends the requests of one protocol to one server."""

    def __init__(
        self, client: httpx.AsyncClient, path: str, memory: AnswerMemory | None = None
    ) -> None:
        self._client = client
        self._path = path
        self._memory = memory or AnswerMemory(memory_for_answers())
        self._expected = Expected()

    async def ask(
        self,
        body: dict[str, Any],
        texts: int,
        read: Callable[[Answer], Embedded],
        *,
        repeated_bytes: int = 0,
    ) -> Embedded:
        """Send a request, when there is memory for its answer, and read that.

        Args:
            body: What is asked.
            texts: How many vectors are asked for.
            read: Reads the answer.
            repeated_bytes: UTF-8 of the texts that the answer may repeat.

        Raises:
            EmbedderUnavailableError: No answer, or one that says nothing about the texts.
            TextsRejectedError: The server refuses these texts, or fails on them.
        """
        try:
            return await self._ask(body, texts, read, repeated_bytes)
        except (EmbedderUnavailableError, TextsRejectedError) as error:
            # Its traceback would keep the answer, uncounted, for as long as somebody waits.
            error.__cause__ = error.__context__ = None
            raise error.with_traceback(None)  # noqa: B904  the causes are what is let go

    async def _ask(
        self,
        body: dict[str, Any],
        texts: int,
        read: Callable[[Answer], Embedded],
        repeated_bytes: int,
    ) -> Embedded:
        wanted = COPIES * self._expected.size_bytes(texts, repeated_bytes=repeated_bytes)
        async with self._memory.taken(wanted) as granted:
            try:
                answer = await post(self._client, self._path, body, granted // COPIES)
            except AnswerTooLongError as error:
                self._expected.forget()
                if granted == wanted:
                    raise EmbedderUnavailableError(
                        f"{error} to a request of {texts} texts"
                    ) from error
                raise EmbedderUnavailableError(
                    f"{error}, for which this process has no memory: lower embedding.batch_size "
                    f"(this was for {texts} texts), or allow it more",
                    is_slow=True,
                ) from error
            found = read(answer)
        self._expected.learn(found.vectors.shape[1], is_packed=found.is_packed)
        return found
