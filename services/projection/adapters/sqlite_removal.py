"""Removes all that is kept of a collection, some rows at a time, from whatever table has any."""

import aiosqlite

from shared.sqlite_state import sql

KEYS = """SELECT tables.name, group_concat(columns.name, ', ')
    FROM sqlite_schema AS tables JOIN pragma_table_info(tables.name) AS columns
    WHERE tables.type = 'table' AND columns.pk > 0 AND EXISTS
        (SELECT 1 FROM pragma_table_info(tables.name) WHERE name = 'collection')
    GROUP BY tables.name"""
"""The tables with rows of collections, and what tells these apart."""


async def remove_some(db: aiosqlite.Connection, collection: str, most: int) -> bool:
    """Remove so many rows at most of each table; returns whether there may be more."""
    has_more = False
    async with db.execute(KEYS) as cursor:
        tables = await cursor.fetchall()
    for table, key in tables:
        some = sql("SELECT", key, "FROM", table, "WHERE collection = ? LIMIT ?")
        removal = sql("DELETE FROM", table, f"WHERE ({key}) IN ({some})")
        async with db.execute(removal, (collection, most)) as cursor:
            has_more |= cursor.rowcount == most
    return has_more
