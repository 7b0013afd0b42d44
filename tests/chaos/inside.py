"""The only place of the comparison that knows how the product keeps what it owns."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import lance
import numpy as np


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
        row = db.execute(
            "SELECT count, mean, scatter, dimension FROM moments WHERE collection = ?",
            (collection,),
        ).fetchone()
    if row is None:
        return None
    count, mean, scatter, dimension = row
    return Counted(
        count, np.frombuffer(mean), np.frombuffer(scatter).reshape(dimension, dimension)
    )


def accounts(state: Path, collection: str) -> dict[str, AccountOf]:
    """Read the ledger's account of every source of a collection, by filename."""
    with _opened(state / "discovery" / "discovery.sqlite") as db:
        rows = db.execute(
            "SELECT filename, status, seen, mapped, dead FROM sources WHERE collection = ?",
            (collection,),
        ).fetchall()
    return {name: AccountOf(*rest) for name, *rest in rows}


def table_rows(output: Path, collection: str) -> list[str]:
    """Return the ids in the dataset; none if there is none yet."""
    if not (output / collection / "store.lance" / "_versions").exists():
        return []
    return _table(output, collection).to_table(columns=["id"])["id"].to_pylist()


def every_version(output: Path, collection: str) -> Iterator[tuple[int, list[str]]]:
    """Open every version of the dataset that is there: its number and its ids."""
    for one in _table(output, collection).versions():
        path = str(output / collection / "store.lance")
        ids = lance.dataset(path, version=one["version"]).to_table(columns=["id"])["id"]
        yield one["version"], ids.to_pylist()


def _table(output: Path, collection: str) -> lance.LanceDataset:
    return lance.dataset(str(output / collection / "store.lance"))


def _opened(file: Path) -> closing[sqlite3.Connection]:
    return closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True))
