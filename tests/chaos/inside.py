"""The only place of the comparison that knows how the product keeps what it owns."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lance
import numpy as np
import pyarrow as pa

STAGING = ("staging.sqlite", "staging.sqlite-wal", "staging.sqlite-shm")
"""Beside the dataset, as soon as a version had to wait."""


@dataclass(frozen=True, slots=True)
class Counted:
    """The moments that projection has."""

    count: int
    mean: np.ndarray
    scatter: np.ndarray


@dataclass(frozen=True, slots=True)
class AccountOf:
    """What discovery's ledger says of a source."""

    status: str
    seen: int
    mapped: int
    dead: int


def counted(state: Path, collection: str) -> Counted | None:
    """Read projection's checkpoint of a collection."""
    with _opened(state / "projection" / "projection.sqlite") as db:
        return summed(db, collection)


def summed(db: sqlite3.Connection, collection: str) -> Counted | None:
    """Add up the square that is stored, and what came and left since."""
    name = (collection,)
    row = db.execute("SELECT dimension FROM moments WHERE collection = ?", name).fetchone()
    if row is None:
        return None
    (d,) = row
    square = db.execute(
        "SELECT count, mean, scatter FROM squares WHERE collection = ?", name
    ).fetchone() or (0, bytes(8 * d), bytes(8 * d * d))
    changes = [
        (1 if is_added else -1, np.frombuffer(data, np.float32).reshape(-1, d).astype(np.float64))
        for is_added, data in db.execute(
            "SELECT is_added, vectors FROM changes WHERE collection = ?", name
        )
    ]
    held, centre = square[0], np.frombuffer(square[1])
    count = held + sum(sign * len(part) for sign, part in changes)
    total = held * centre + sum(sign * part.sum(axis=0) for sign, part in changes)
    mean = total / max(count, 1)
    apart = centre - mean
    scatter = np.frombuffer(square[2]).reshape(d, d) + held * np.outer(apart, apart)
    for sign, part in changes:
        scatter = scatter + sign * ((part - mean).T @ (part - mean))
    return Counted(count, mean, scatter)


def accounts(state: Path, collection: str) -> dict[str, AccountOf]:
    """Read the ledger's account of every source of a collection, by filename."""
    with _opened(state / "discovery" / "discovery.sqlite") as db:
        rows = db.execute(
            "SELECT filename, status, seen, mapped, dead FROM sources WHERE collection = ?",
            (collection,),
        ).fetchall()
    return {name: AccountOf(*rest) for name, *rest in rows}


def staged(output: Path, collection: str) -> int:
    """Return how many batches wait until all of their version is there."""
    file = output / collection / STAGING[0]
    if not file.exists():
        return 0
    with _opened(file) as db:
        (count,) = db.execute("SELECT count(*) FROM staged").fetchone()
    return int(count)


def newest_model(state: Path, collection: str) -> int | None:
    """Return the version of the last model that was made."""
    with _opened(state / "projection" / "projection.sqlite") as db:
        query = "SELECT max(version) FROM models WHERE collection = ?"
        (version,) = db.execute(query, (collection,)).fetchone()
    return version


def archived(output: Path, collection: str) -> dict[int, dict[str, Any]]:
    """Read the archive of models beside the dataset, by version."""
    files = (output / collection / "models").glob("[0-9]*.json")
    return {int(file.stem): json.loads(file.read_text()) for file in files}


def table(output: Path, collection: str) -> pa.Table:
    """Return all rows and columns of the dataset; none if there is none yet."""
    if not (output / collection / "store.lance" / "_versions").exists():
        return pa.table({"id": pa.array([], pa.string())})
    return _table(output, collection).to_table().sort_by("id")


@dataclass(frozen=True, slots=True)
class Version:
    """One version of the dataset."""

    number: int
    rows: pa.Table
    """Of every row: id, filename, source_version, model_version."""
    new: pa.Table | None
    """All columns of the rows that lie in files which no earlier version had."""


def every_version(output: Path, collection: str) -> Iterator[Version]:
    """Open every version of the dataset that is there, the oldest first."""
    seen = set[str]()
    for number in sorted(version_numbers(output, collection)):
        try:
            yield _version(output, collection, number, seen)
        except (OSError, ValueError):  # writing may have given it up since it was listed
            if number in version_numbers(output, collection):
                raise


def _version(output: Path, collection: str, number: int, seen: set[str]) -> Version:
    """Open a version; the files of its fragments are added to those that were seen."""
    opened = lance.dataset(str(output / collection / "store.lance"), version=number)
    rows = opened.to_table(columns=["id", "filename", "source_version", "model_version"])
    new = []
    for fragment in opened.get_fragments():
        files = {file.path for file in fragment.data_files()}
        if not files <= seen:
            new.append(fragment.to_table())
            seen |= files
    return Version(number, rows, pa.concat_tables(new) if new else None)


def version_numbers(output: Path, collection: str) -> set[int]:
    """Return the numbers of all versions of the dataset that can be opened."""
    return {one["version"] for one in _table(output, collection).versions()}


def _table(output: Path, collection: str) -> lance.LanceDataset:
    return lance.dataset(str(output / collection / "store.lance"))


def _opened(file: Path) -> closing[sqlite3.Connection]:
    return closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True))
