"""To which dataset the ledger and the state of projection belong, as each of them keeps it."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from shared.errors import ConfigurationError
from shared.history import History, Verdict, judge, opened
from shared.sqlite_state import READ_HISTORY

HISTORY = "history.json"
POSITIONS = {
    "discovery": """SELECT coalesce(sum(source_version), 0), coalesce(max(mapped), 0)
        FROM sources WHERE collection = ?""",
    "projection": "SELECT coalesce(max(revision), 0), 0 FROM moments WHERE collection = ?",
}
"""How far each is, and whether it says that the dataset has rows."""


class KeptHistories:
    """The histories of one collection; they are only read."""

    def __init__(
        self, state: Path, dataset: Path, collection: str, version: Callable[[], int]
    ) -> None:
        """Take where they are.

        Args:
            state: Has the folders of discovery and of projection.
            dataset: The folder of the collection.
            collection: The map.
            version: Tells the present version of the dataset.
        """
        self._state = state
        self._dataset = dataset
        self._collection = collection
        self._version = version

    def apart(self) -> dict[str, Verdict]:
        """Return by owner what keeps its state from belonging to the dataset.

        Raises:
            ConfigurationError: Something cannot be read.
        """
        file = self._dataset / HISTORY
        dataset = opened(_history(file, _text(file)), self._version())
        found = {}
        for owner in POSITIONS:
            told, holds_rows = self._of(owner)
            verdict = judge(owner, told, dataset, holds_rows=holds_rows)
            if verdict is not Verdict.TOGETHER:
                found[owner] = verdict
        return found

    def _of(self, owner: str) -> tuple[History, bool]:
        file = self._state / owner / f"{owner}.sqlite"
        if not file.exists():
            return opened(None, 0), False
        try:
            with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as db:
                (position, rows) = db.execute(POSITIONS[owner], (self._collection,)).fetchone()
                known = "SELECT count(*) FROM sqlite_schema WHERE name = 'histories'"
                row = None
                if db.execute(known).fetchone()[0]:
                    row = db.execute(READ_HISTORY, (self._collection,)).fetchone()
        except sqlite3.Error as error:
            raise ConfigurationError(f"{file}: cannot be read: {error}") from error
        return opened(_history(file, row[0] if row else None), position), bool(rows)


def _text(file: Path) -> str | None:
    try:
        return file.read_text()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigurationError(f"{file}: cannot be read: {error.strerror}") from error


def _history(file: Path, document: str | None) -> History | None:
    try:
        return History.read(document) if document else None
    except ValueError as error:
        raise ConfigurationError(f"{file}: the history in it cannot be read: {error}") from error
