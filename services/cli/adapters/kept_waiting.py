"""What waits beside a dataset for its version to be shown; it is only read."""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

from services.cli.domain.kept import Staged
from shared.errors import ConfigurationError

STAGING = "staging.sqlite"
EMPTIED = "emptied.jsonl"
QUERY = """
SELECT source_id, source_version, batch_id FROM staged ORDER BY source_id, source_version
"""


def read_emptied(folder: Path) -> dict[str, int]:
    """Read the versions of sources that the dataset has had and that have no rows.

    Raises:
        ConfigurationError: They cannot be read.
    """
    file, found = folder / EMPTIED, dict[str, int]()
    try:
        for line in file.read_text().split("\n")[:-1]:
            one = json.loads(line)
            known = found.get(one["source_id"], 0)
            found[one["source_id"]] = max(known, one["source_version"])
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError) as error:
        raise ConfigurationError(f"{file}: cannot be read: {error}") from error
    return found


def read_staged(folder: Path, sources: Mapping[str, tuple[str, bool]]) -> Iterator[Staged]:
    """Read what waits, by source.

    Args:
        folder: Has the dataset.
        sources: Filename, and whether something of it may wait, as the ledger says.

    Raises:
        ConfigurationError: It cannot be read.
    """
    file, found = folder / STAGING, dict[tuple[str, int], set[str]]()
    if not file.exists():
        return
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as db:
            for source_id, version, batch_id in db.execute(QUERY):
                found.setdefault((source_id, version), set()).add(batch_id)
    except sqlite3.Error as error:
        raise ConfigurationError(f"{file}: cannot be read: {error}") from error
    for (source_id, version), ids in found.items():
        name, may_wait = sources.get(source_id, (source_id, False))
        yield Staged(source_id, name, version, frozenset(ids), is_over=not may_wait)
