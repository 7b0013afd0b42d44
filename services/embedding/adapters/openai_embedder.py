"""Embeds over OpenAI's protocol, ``POST /v1/embeddings``, which many servers speak."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray

from services.embedding.adapters.answer_memory import AnswerMemory
from services.embedding.adapters.http_asker import Embedded, HttpAsker
from services.embedding.adapters.http_client import Answer
from services.embedding.adapters.json_answer import NoVectorsError, UnreadableAnswerError, parse
from services.embedding.domain.order import MISSING, AmbiguousOrderError, places
from services.embedding.domain.words import error_in
from services.embedding.ports import EmbedderUnavailableError, TextsRejectedError

PATH = "/v1/embeddings"
FORMAT = "encoding_format"
FORMAT_WORDS = re.compile(r"(?i)base64|encoding|format")
MARKS = 16
"""Tokens that a model adds to a text; a count beyond these and a token a byte is nonsense."""


class OpenaiEmbedder:
    """Asks for base64; takes lists of numbers from servers that do not know it.

    A server that refuses to be asked for base64 is asked without, from then on.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        *,
        model: str,
        max_texts: int,
        memory: AnswerMemory | None = None,
        on_tokens: Callable[[int], None] = lambda _tokens: None,
    ) -> None:
        self._asker = HttpAsker(client, PATH, memory)
        self._on_tokens = on_tokens
        self._format = {FORMAT: "base64"}
        self._knows_format = False
        self._has_failed = False
        self.model = model
        self.max_texts = max_texts

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed some texts; see the port."""
        asked = self._format
        try:
            vectors = await self._ask(texts, asked)
            self._knows_format = True
        except (TextsRejectedError, EmbedderUnavailableError) as error:
            if not asked or not self._may_be_the_format(error):
                raise
            vectors = await self._ask(texts, {})
            self._format = {}
        return vectors

    def _may_be_the_format(self, error: TextsRejectedError | EmbedderUnavailableError) -> bool:
        """Tell whether a refusal may be of the way that we ask, and not of the texts.

        As long as nothing is known each refusal may be, and the second failure in a row, too:
        some servers fail on what they do not know, without a word about it.
        """
        if FORMAT_WORDS.search(str(error)):
            return True
        if self._knows_format or not isinstance(error, TextsRejectedError):
            return False
        has_failed_before, self._has_failed = self._has_failed, True
        return has_failed_before or not error.ambiguous

    async def _ask(self, texts: Sequence[str], more: dict[str, str]) -> NDArray[np.float32]:
        body = {"model": self.model, "input": list(texts), **more}
        most_tokens = sum(len(text.encode()) + MARKS for text in texts)

        def read(answer: Answer) -> Embedded:
            try:
                found = read_answer(answer.content, len(texts))
            except NoVectorsError as error:
                raise answer.foreign(str(error), error.value) from error
            except TextsRejectedError as error:
                raise answer.wrong(str(error)) from error
            if found.tokens <= most_tokens:
                self._on_tokens(found.tokens)
            return found

        return (await self._asker.ask(body, len(texts), read)).vectors


def read_answer(content: bytes | bytearray, count: int) -> Embedded:
    """Read an answer: its vectors in the order of the texts, and what it tells beside them.

    Args:
        content: The JSON body.
        count: How many texts were sent.

    Raises:
        NoVectorsError: It is something else.
        TextsRejectedError: They are not those of so many texts, or not of one dimension.
    """
    parsed = parse(content, count)
    answer = parsed.value
    items = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(items, list) or error_in(answer):
        raise NoVectorsError("the answer has no list 'data'", answer)
    if len(items) != count:
        raise TextsRejectedError(f"{len(items)} vectors for {count} texts", ambiguous=True)
    if not all(isinstance(item, dict) and "embedding" in item for item in items):
        raise NoVectorsError("an item of the answer's 'data' has no 'embedding'", answer)
    try:
        order = places([item.get("index", MISSING) for item in items])
        vectors = [parsed.vector(items[place]["embedding"]) for place in order]
    except (UnreadableAnswerError, AmbiguousOrderError) as error:
        raise TextsRejectedError(str(error), ambiguous=True) from error
    dimensions = sorted({vector.size for vector in vectors})
    if len(dimensions) != 1:
        told = " and ".join(map(str, dimensions))
        raise TextsRejectedError(f"vectors of {told} dimensions in one answer", ambiguous=True)
    is_packed = any(parsed.is_packed(item["embedding"]) for item in items)
    return Embedded(np.stack(vectors), is_packed, _tokens(answer.get("usage")))


def _tokens(usage: Any) -> int:
    tokens = usage.get("prompt_tokens") if isinstance(usage, dict) else None
    return tokens if type(tokens) is int and tokens >= 0 else 0  # True is no number
