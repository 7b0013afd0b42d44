"""What is told of dead letters."""

import asyncio
import base64
import math
from collections.abc import Collection
from typing import Any

from services.gateway.handlers.answers import Letter, LetterList, WholeLetter
from services.gateway.ports import LetterLog
from shared.contracts.commands import Selection
from shared.contracts.dead_letter_views import content_of, facts_of
from shared.contracts.dead_letters import StoredLetter

PAGES = 2
"""At a time: each reads from the bus what it looks at."""


class Letters:
    """Reads the dead letters on the bus."""

    def __init__(self, log: LetterLog) -> None:
        self._log = log
        self._paging = asyncio.Semaphore(PAGES)

    async def page(
        self, collection: str, selection: Selection, *, after: int, limit: int
    ) -> LetterList:
        """Return a page of a collection's letters, oldest first.

        Raises:
            BusAway: The bus did not answer.
        """
        async with self._paging:
            page = await self._log.page(collection, selection, after=after, limit=limit)
        return LetterList(
            collection=collection,
            total=page.total,
            next_after=page.next_after,
            items=[Letter(**facts_of(one)) for one in page.letters],
        )

    async def find(self, sequence: int, collections: Collection[str]) -> WholeLetter | None:
        """Return a letter and what it holds; nothing if none of these collections has it.

        Raises:
            BusAway: The bus did not answer.
        """
        found = await self._log.get(sequence)
        if found is None or found.letter.collection not in collections:
            return None
        return await asyncio.to_thread(_whole, found)


def _whole(one: StoredLetter) -> WholeLetter:
    body = one.letter.body
    content = content_of(body)
    text = content if isinstance(content, str) else None
    return WholeLetter(
        **facts_of(one),
        text=text,
        base64=None if text is not None else base64.b64encode(body).decode(),
        rows=[_finite(row) for row in content] if isinstance(content, list) else None,
    )


def _finite(row: dict[str, Any]) -> dict[str, Any]:
    """Return a record as JSON can say it."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in row.items()
    }
