"""Embeds over ``POST /vectors``, the protocol of t2v-transformers servers: one text a request."""

from collections.abc import Sequence

import httpx
import numpy as np
from numpy.typing import NDArray

from services.embedding.adapters.answer_memory import AnswerMemory
from services.embedding.adapters.http_asker import Embedded, HttpAsker
from services.embedding.adapters.http_client import Answer
from services.embedding.adapters.json_answer import NoVectorsError, UnreadableAnswerError, parse
from services.embedding.domain.words import error_in
from services.embedding.ports import TextsRejectedError

PATH = "/vectors"


class VectorsEmbedder:
    """Sends one text a request; the handler keeps several requests in flight."""

    max_texts = 1

    def __init__(
        self, client: httpx.AsyncClient, *, model: str, memory: AnswerMemory | None = None
    ) -> None:
        self._asker = HttpAsker(client, PATH, memory)
        self.model = model

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed one text; see the port."""
        (text,) = texts

        def read(answer: Answer) -> Embedded:
            try:
                return read_answer(answer.content)
            except NoVectorsError as error:
                raise answer.foreign(str(error), error.value) from error
            except TextsRejectedError as error:
                raise answer.wrong(str(error)) from error

        repeated = len(text.encode())
        found = await self._asker.ask({"text": text}, 1, read, repeated_bytes=repeated)
        return found.vectors


def read_answer(content: bytes | bytearray) -> Embedded:
    """Read an answer: its vector, and how it was written.

    Raises:
        NoVectorsError: It is something else.
        TextsRejectedError: There is no vector of numbers in it.
    """
    parsed = parse(content, 1)
    answer = parsed.value
    if not isinstance(answer, dict) or "vector" not in answer or error_in(answer):
        raise NoVectorsError("the answer has no 'vector'", answer)
    try:
        vector = parsed.vector(answer["vector"])
    except UnreadableAnswerError as error:
        raise TextsRejectedError(str(error), ambiguous=True) from error
    return Embedded(vector[None, :], parsed.is_packed(answer["vector"]))
