"""Changes the state of projection, and keeps to which datasets it belongs, and who told it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiosqlite

from shared.errors import TransientError
from shared.sqlite_state import KEEP_HISTORY, READ_HISTORY, rows_of


class SqliteHistories:
    """The histories in an open database."""

    def __init__(self, db: aiosqlite.Connection) -> None:
        self._db = db
        self._writing = asyncio.Lock()

    async def history(self, collection: str) -> str | None:
        """Return to which dataset the state belongs, as it was kept."""
        rows = await rows_of(self._db, READ_HISTORY, (collection,))
        return rows[0][0] if rows else None

    async def keep_history(self, collection: str, document: str) -> None:
        """Keep to which dataset the state belongs."""
        async with self._transaction() as db:
            await db.execute(KEEP_HISTORY, (collection, document))

    async def heard_since(self, collection: str) -> str | None:
        """Return since when the consumer was there that brought the news."""
        query = "SELECT since FROM hearing WHERE collection = ?"
        rows = await rows_of(self._db, query, (collection,))
        return rows[0][0] if rows else None

    async def keep_heard_since(self, collection: str, since: str) -> None:
        """Keep since when the consumer is there that brings the news."""
        async with self._transaction() as db:
            await db.execute("REPLACE INTO hearing VALUES (?, ?)", (collection, since))

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[aiosqlite.Connection]:
        async with self._writing:
            try:
                await self._db.execute("BEGIN IMMEDIATE")
                yield self._db
                await self._db.execute("COMMIT")
            except BaseException as error:
                # Whoever is cancelled leaves a statement with the database's thread, be it the
                # BEGIN; what takes it back is done after that, and before what anybody else asks,
                # cancelled or not. With no transaction it does nothing.
                await self._db.rollback()
                if isinstance(error, aiosqlite.OperationalError):
                    raise TransientError(
                        f"the projection's state cannot be stored: {error}"
                    ) from error
                raise
