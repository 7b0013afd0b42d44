"""What the service does: it embeds texts, off the event loop."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import Executor

import numpy as np

from services.text2vec.domain.batches import group_by_size
from services.text2vec.domain.texts import is_blank
from services.text2vec.ports import Encoded, TextEncoder
from shared.errors import InvalidMessage

TURN_TEXTS = 64
TURN_CHARACTERS = 262_144


class BlankText(InvalidMessage):
    """A text is empty or only whitespace, so no vector can stand for it."""

    def __init__(self, index: int) -> None:
        super().__init__(f"the text at index {index} is blank")
        self.index = index


async def embed_texts(
    texts: Sequence[str], *, encoder: TextEncoder, executor: Executor
) -> Encoded:
    """Embed texts in order, in turns, so that a large request doesn't keep small ones waiting.

    Args:
        texts: Texts without lone surrogates.
        encoder: The model.
        executor: Runs the model; has one thread.

    Returns:
        One unit vector per text.

    Raises:
        BlankText: A text is blank; nothing was embedded.
    """
    for index, text in enumerate(texts):
        if is_blank(text):
            raise BlankText(index)
    loop = asyncio.get_running_loop()
    sized = ((text, len(text)) for text in texts)
    parts = [
        await loop.run_in_executor(executor, encoder.encode, turn)
        for turn in group_by_size(sized, max_items=TURN_TEXTS, max_size=TURN_CHARACTERS)
    ]
    if len(parts) == 1:
        return parts[0]
    vectors = np.zeros((0, encoder.dimension), np.float32)
    return Encoded(
        np.concatenate([vectors, *(part.vectors for part in parts)]),
        tuple(count for part in parts for count in part.token_counts),
    )
