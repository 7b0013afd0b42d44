"""Lists of records: those that have some words, those near to another, those of some ids."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import Field

from services.gateway.domain.words import excerpt, parse_words, told_text
from services.gateway.handlers.answers import Body
from services.gateway.handlers.maps import NoMapError
from services.gateway.ports.search import Alike, RecordSearch, Tally, VectorSearch
from shared.errors import MapstreamError

LONGEST = 320
"""Characters of a text in a list."""
NEAREST = 20
"""Records that count as near to one, where nobody says how many."""


class NoNeighboursError(MapstreamError):
    """The vectors have no such record."""


class Brief(Body):
    """A record in a list."""

    id: str = Field(description="Its id.")
    type: str = Field(description="Its type.")
    filename: str = Field(description="The source's path below its root, with '/'.")
    iteration: int = Field(description="Its step.")
    timestamp: datetime | None = Field(description="When it was made, as its source says.")
    excerpt: list[str] = Field(
        min_length=1,
        description="A piece of its text in parts; every second one is a word that was looked "
        "for, the first is not.",
    )


class Neighbour(Brief):
    """A record near to another."""

    similarity: float = Field(
        ge=-1, le=1, description="Cosine of the angle between the vectors; 1: the same direction."
    )


class Records(Body):
    """Some records."""

    collection: str = Field(description="The collection.")
    items: list[Brief] = Field(
        description="Those that the public files have, in the order that was asked for."
    )


class Found(Records):
    """The records whose text has some words."""

    words: list[str] = Field(description="The words, each of which their text has.")
    total: int = Field(ge=0, description="How many records were found.")
    searched: int = Field(
        ge=0, description="How many were looked at: all of them, or what the time was enough for."
    )
    records: int = Field(ge=0, description="How many the public files have.")
    ids: list[str] = Field(description="The first of those that were found, for the map.")


class Neighbours(Body):
    """The records nearest to one."""

    collection: str = Field(description="The collection.")
    id: str = Field(description="Whose neighbours they are.")
    compared: int = Field(ge=0, description="How many vectors were compared: every other one.")
    items: list[Neighbour] = Field(description="The neighbours, the nearest first.")


class Finding:
    """Answers with lists of records."""

    def __init__(self, search: RecordSearch, vectors: VectorSearch) -> None:
        self._search = search
        self._vectors = vectors

    async def words(
        self,
        collection: str,
        query: str,
        *,
        limit: int,
        most_ids: int,
        within_s: float | None = None,
    ) -> Found:
        """Find the records whose text has every word of a query, within some time.

        Raises:
            NoMapError: There is no map yet.
            TransientError: The files could not be read.
        """
        words = parse_words(query)
        found = await self._search.matching(collection, words, most_ids, within_s)
        if found is None:
            raise NoMapError(f"collection '{collection}' has no map yet")
        listed = await self.some(collection, found.ids[:limit], words)
        return Found(
            collection=collection,
            items=listed.items,
            words=list(words),
            total=found.total,
            searched=found.searched,
            records=found.records,
            ids=list(found.ids),
        )

    async def some(
        self, collection: str, ids: Sequence[str], words: tuple[str, ...] = ()
    ) -> Records:
        """Tell of some records, with a piece of the text of each.

        Raises:
            TransientError: The files could not be read.
        """
        rows = await self._search.some(collection, ids)
        return Records(collection=collection, items=[Brief(**_facts(one, words)) for one in rows])

    async def neighbours(self, collection: str, key: str, *, limit: int) -> Neighbours:
        """Find the records nearest to one.

        Raises:
            NoNeighboursError: It has no vector in the files.
            NoVectorsError: The vectors are not published.
            TransientError: The files could not be read.
        """
        found, rows = await self._near(collection, key, limit)
        near = dict(zip(found.ids, found.similarities, strict=True))
        return Neighbours(
            collection=collection,
            id=key,
            compared=found.compared,
            items=[Neighbour(**_facts(one), similarity=near[one["id"]]) for one in rows],
        )

    async def sources_with(self, collection: str, words: tuple[str, ...]) -> Tally | None:
        """Count the records of each source whose text has every word; nothing without a map.

        Raises:
            TransientError: The files could not be read.
        """
        return await self._search.tally(collection, words)

    async def sources_near(self, collection: str, key: str) -> Tally:
        """Count, for each source, how many of the records nearest to one it has.

        Raises:
            NoNeighboursError: It has no vector in the files.
            NoVectorsError: The vectors are not published.
            TransientError: The files could not be read.
        """
        found, rows = await self._near(collection, key, NEAREST)
        counts = Counter(str(one["filename"]) for one in rows)
        return Tally(counts, found.compared, found.compared)

    async def _near(
        self, collection: str, key: str, limit: int
    ) -> tuple[Alike, Sequence[dict[str, Any]]]:
        found = await self._vectors.neighbours(collection, key, limit)
        if found is None:
            raise NoNeighboursError(
                f"the vectors of '{collection}' have no such record: it left the map, or came so "
                "lately that they do not show it yet"
            )
        return found, await self._search.some(collection, found.ids)


def _facts(row: dict[str, Any], words: tuple[str, ...] = ()) -> dict[str, Any]:
    facts = {name: row[name] for name in ("id", "type", "filename", "iteration", "timestamp")}
    text = row["text"] if words else told_text(row["text"], row["type"])
    return facts | {"excerpt": excerpt(text, words, LONGEST)}
