"""What discovery and projection keep of a collection in their SQLite files; it is only read."""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from services.cli.adapters.plain_sources import sum_source
from services.cli.domain.kept import Account, KeptModel, KeptMoments, Staged, TextSum
from services.cli.domain.second_look import with_changes
from shared.errors import ConfigurationError
from shared.plane import COMPONENTS

LEDGER = Path("discovery") / "discovery.sqlite"
PROJECTION = Path("projection") / "projection.sqlite"
ACCOUNTS = """
SELECT filename, status, coalesce(shown_version, source_version), mapped,
    status NOT IN ('reading', 'dispatched')
        AND (source_version = 0 OR fingerprint IS NOT NULL OR gone_at IS NOT NULL)
        AND NOT EXISTS
        (SELECT 1 FROM batches WHERE batches.source_id = sources.source_id AND NOT is_settled)
FROM sources WHERE collection = ?
"""
STAND = """
SELECT count(*), coalesce(sum(seen), 0), coalesce(sum(mapped), 0), coalesce(sum(dead), 0),
    coalesce(sum(source_version), 0)
FROM sources WHERE collection = ?
"""
MODEL = """
SELECT version, dimension, mean, components FROM models WHERE collection = ?
ORDER BY version DESC LIMIT 1
"""
SQUARE = "SELECT count, mean, scatter FROM squares WHERE collection = ?"
CHANGES = "SELECT iif(is_added, 1, -1), vectors FROM changes WHERE collection = ?"
READ = """
SELECT path, content_size, fingerprint, rules FROM sources
WHERE collection = ? AND filename = ? AND status = 'completed' AND dead = 0 AND replays = 0
    AND content_size IS NOT NULL AND rules IS NOT NULL AND path NOT LIKE '%\\%'
"""
MAY_WAIT = """
SELECT source_id, filename, status NOT IN ('completed', 'forgotten')
FROM sources WHERE collection = ?
"""
AWAITED = """
SELECT source_id, filename, source_version, json_group_array(batch_id)
FROM sources JOIN batches USING (source_id)
WHERE collection = ? AND batches.staged > 0 AND NOT is_showing AND fingerprint IS NOT NULL
GROUP BY source_id
"""
COLLECTIONS = {
    LEDGER: "SELECT DISTINCT collection FROM sources",
    PROJECTION: "SELECT DISTINCT collection FROM moments",
}


class KeptState:
    """The state folder of a deployment, for one collection."""

    def __init__(self, folder: Path, collection: str) -> None:
        """Take what is to be read.

        Args:
            folder: Has the folders of discovery and of projection.
            collection: The map.
        """
        self.folder = folder
        self._collection = collection

    def accounts(self) -> Iterator[Account]:
        """Read the ledger's account of every source."""
        for name, status, version, mapped, is_settled in self._rows(LEDGER, ACCOUNTS):
            yield Account(name, status, version, mapped, bool(is_settled))

    def ledger_stand(self) -> tuple[int, ...]:
        """Return sums that change with the ledger."""
        return tuple(next(self._rows(LEDGER, STAND), ()))

    def revision(self) -> int:
        """Return how often the moments have changed."""
        query = "SELECT revision FROM moments WHERE collection = ?"
        return int(next(self._rows(PROJECTION, query), (0,))[0])

    def counted(self) -> Iterator[tuple[str, int]]:
        """Read the batches that are counted."""
        query = "SELECT batch_id, records FROM batches WHERE collection = ? AND is_counted"
        yield from self._rows(PROJECTION, query)

    def source_sum(self, filename: str) -> TextSum | None:
        """Read a source itself again, if all of it is mapped."""
        for path, *facts in _read(self.folder / LEDGER, READ, self._collection, filename):
            return sum_source(Path(path), filename, *facts)
        return None

    def may_wait(self) -> Mapping[str, tuple[str, bool]]:
        """Return filename, and whether something of it may wait to be shown, by source."""
        rows = self._rows(LEDGER, MAY_WAIT)
        return {source_id: (name, bool(may_wait)) for source_id, name, may_wait in rows}

    def awaited(self) -> Iterator[Staged]:
        """Read the batches that the ledger says wait, by source."""
        for source_id, name, version, ids in self._rows(LEDGER, AWAITED):
            yield Staged(source_id, name, version, frozenset(json.loads(ids)))

    def pending(self) -> int:
        """Return how many batches wait to be told as stored."""
        query = "SELECT count(DISTINCT batch_id) FROM candidates WHERE collection = ?"
        return int(next(self._rows(PROJECTION, query), (0,))[0])

    def doubted(self) -> Iterator[tuple[str, str]]:
        """Read the batches in doubt, and their sources."""
        query = "SELECT batch_id, source_id FROM doubts WHERE collection = ?"
        yield from self._rows(PROJECTION, query)

    def moments(self) -> KeptMoments | None:
        """Return the moments, if there are any."""
        query = "SELECT dimension FROM moments WHERE collection = ?"
        for (dimension,) in self._rows(PROJECTION, query):
            square = None
            for count, mean, scatter in self._rows(PROJECTION, SQUARE):
                sums = np.frombuffer(scatter).reshape(dimension, dimension)
                square = KeptMoments(count, np.frombuffer(mean), sums)
            changes = [
                (sign, np.frombuffer(vectors, np.float32).reshape(-1, dimension))
                for sign, vectors in self._rows(PROJECTION, CHANGES)
            ]
            return with_changes(square, changes)
        return None

    def newest_model(self) -> KeptModel | None:
        """Return the newest model, if there is any."""
        for version, dimension, mean, components in self._rows(PROJECTION, MODEL):
            axes = np.frombuffer(components, dtype=np.float32).reshape(COMPONENTS, dimension)
            return KeptModel(version, np.frombuffer(mean, dtype=np.float32), axes)
        return None

    def _rows(self, name: Path, query: str) -> Iterator[tuple[Any, ...]]:
        return _read(self.folder / name, query, self._collection)


def collections_in(folder: Path) -> set[str]:
    """Return the collections that the ledger or projection has anything of.

    Raises:
        ConfigurationError: They cannot be read.
    """
    found: set[str] = set()
    for file, query in COLLECTIONS.items():
        found.update(str(name) for (name,) in _read(folder / file, query))
    return found


def _read(file: Path, query: str, *values: str) -> Iterator[tuple[Any, ...]]:
    """Read rows; a state that is not there has none.

    Raises:
        ConfigurationError: It cannot be read.
    """
    try:
        if not file.exists():
            return
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as db:
            yield from db.execute(query, values)
    except (OSError, sqlite3.Error) as error:
        raise ConfigurationError(f"{file}: cannot be read: {error}") from error
