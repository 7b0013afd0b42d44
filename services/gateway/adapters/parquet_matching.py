"""Compares every vector of ``embeddings.parquet`` of one collection with every one of another."""

import asyncio
from collections import OrderedDict
from collections.abc import Generator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from services.gateway.adapters.published_files import (
    EMBEDDINGS,
    LOGS,
    FewThreads,
    disk_errors,
    matrix,
    next_piece,
    open_file,
)
from services.gateway.domain.matching import Matched, Names, NearestOf, Numbers, digest_of
from services.gateway.ports.matches import NoMatchingError
from services.gateway.ports.search import NoVectorsError
from shared.errors import TransientError

MOST_RECORDS = 200_000
"""Of a collection."""
MOST_PAIRS = 1_000_000_000
"""Vectors that are compared."""
KEPT = 4
"""Results of earlier requests that are kept: pages of a list ask for the same again and again."""
OWN_ROWS, OTHER_ROWS = 4096, 2048
"""Compared in one step: 64 MB of cosines."""
PIECE_ROWS = 8192
VERSION = b"mapstream.dataset_version"
Stamp = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class _Side:
    """The open files of a collection."""

    name: str
    vectors: Any
    logs: Any

    @property
    def rows(self) -> int:
        count: int = self.vectors.metadata.num_rows
        return count

    @property
    def width(self) -> int:
        size: int = self.vectors.schema_arrow.field("vector").type.list_size
        return size


class ParquetMatcher:
    """Exact: nothing is estimated, and all of it is computed in double precision.

    One pair of collections at a time, piece by piece: between two pieces it can be given up.
    """

    def __init__(
        self, folder: Path, *, most_records: int = MOST_RECORDS, most_pairs: int = MOST_PAIRS
    ) -> None:
        self._folder = folder
        self._most_records = most_records
        self._most_pairs = most_pairs
        self._threads = FewThreads(1)
        self._turn = asyncio.Lock()
        self._known: OrderedDict[tuple[str, str], tuple[Stamp, Matched]] = OrderedDict()

    async def match(self, collection: str, other: str) -> Matched:
        """See the port."""
        names = (collection, other)
        if (found := await self._look(names)) is not None:
            return found
        async with self._turn:
            stamp = await self._threads.run(partial(self._stamp, names))
            if (found := await self._look(names)) is None:  # nobody has asked for the same
                found = await self._compare(names)
                self._known[names] = stamp, found
            while len(self._known) > KEPT:
                self._known.popitem(last=False)
            return found

    async def _look(self, names: tuple[str, str]) -> Matched | None:
        """Return what is known of files that are as they were; others need not wait for it."""
        stamp = await self._threads.run(partial(self._stamp, names))
        known = self._known.get(names)
        if known is None or known[0] != stamp:
            return None
        self._known.move_to_end(names)
        return known[1]

    async def _compare(self, names: tuple[str, str]) -> Matched:
        with ExitStack() as stack:
            sides = await self._threads.run(partial(self._open, names, stack))
            steps = stack.enter_context(closing(_compared(*sides)))
            while (step := await self._threads.run(partial(next_piece, steps))) is not None:
                if isinstance(step, Matched):
                    return step
        raise TransientError("the comparison ended without a result")

    def _stamp(self, names: tuple[str, str]) -> Stamp:
        """Tell files apart from those that replace them."""
        found = []
        with disk_errors():
            for name in names:
                for file in (EMBEDDINGS, LOGS):
                    try:
                        stat = (self._folder / name / file).stat()
                    except FileNotFoundError:
                        raise _no_vectors(name) from None
                    found.append((stat.st_ino, stat.st_mtime_ns, stat.st_size))
        return tuple(found)

    def _open(self, names: tuple[str, str], stack: ExitStack) -> list[_Side]:
        sides = [self._side(name, stack) for name in names]
        own, other = sides
        if why_not := self._why_not(own, other):
            raise NoMatchingError(why_not)
        return sides

    def _side(self, name: str, stack: ExitStack) -> _Side:
        files = [open_file(self._folder / name / file) for file in (EMBEDDINGS, LOGS)]
        for file in files:
            if file is not None:
                stack.callback(file.close)
        vectors, logs = files
        if vectors is None or logs is None:
            raise _no_vectors(name)
        if _version(vectors) != _version(logs) or vectors.metadata.num_rows != (
            logs.metadata.num_rows
        ):
            raise _being_replaced(name)
        return _Side(name, vectors, logs)

    def _why_not(self, own: _Side, other: _Side) -> str | None:
        """Say why they cannot be compared; nothing: they can."""
        for one in (own, other):
            if one.rows > self._most_records:
                return (
                    f"'{one.name}' has {one.rows:,} records; collections of up to "
                    f"{self._most_records:,} can be matched"
                )
        if own.rows * other.rows > self._most_pairs:
            return (
                f"{own.rows:,} records of '{own.name}' with {other.rows:,} of '{other.name}' "
                f"are {own.rows * other.rows:,} comparisons; up to {self._most_pairs:,} are made"
            )
        if not other.rows:
            return f"'{other.name}' has no records to match with"
        if own.rows and own.width != other.width:
            return (
                f"the vectors of '{own.name}' have {own.width} dimensions and those of "
                f"'{other.name}' {other.width}: they were made by different models"
            )
        return None


def _compared(own: _Side, other: _Side) -> Generator[Matched | bool, None, None]:
    """Compare them step by step; the last one gives the result."""
    ids, texts = _texts(own)
    yield False
    other_ids, other_texts = _texts(other)
    in_order = np.argsort(other_ids)
    places = np.empty(len(other_ids), np.int64)
    places[in_order] = np.arange(len(other_ids))
    yield False
    scores, nearest = [np.empty(0)], [np.empty(0, np.int64)]
    for piece in own.vectors.iter_batches(OWN_ROWS, columns=["vector"]):
        best = NearestOf(matrix(piece.column("vector")))
        begin = 0
        for one in other.vectors.iter_batches(OTHER_ROWS, columns=["vector"]):
            best.add(matrix(one.column("vector")), places[begin : begin + len(one)])
            begin += len(one)
            yield False
        scores.append(best.cosines)
        nearest.append(in_order[best.places])
    yield _ranked(ids, texts, other_ids, other_texts, np.concatenate(scores),
                  np.concatenate(nearest))  # fmt: skip


def _ranked(
    ids: Names,
    texts: npt.NDArray[np.uint8],
    other_ids: Names,
    other_texts: npt.NDArray[np.uint8],
    scores: npt.NDArray[np.float64],
    nearest: Numbers,
) -> Matched:
    """Put the best pairs first; equally good ones in the order of ids."""
    order = np.lexsort((ids, -scores))
    return Matched(
        ids[order],
        other_ids[nearest[order]],
        scores[order],
        texts[order],
        other_texts[nearest[order]],
        len(other_ids),
    )


def _texts(side: _Side) -> tuple[Names, npt.NDArray[np.uint8]]:
    """Read the ids in the order of the vectors, and hash the texts.

    Raises:
        TransientError: The two files are of different snapshots.
    """
    ids = side.vectors.read(columns=["id"]).column("id")
    digests = np.empty((side.rows, 32), np.uint8)
    done = 0
    for piece in side.logs.iter_batches(PIECE_ROWS, columns=["id", "text"]):
        if piece.column("id").to_pylist() != ids.slice(done, len(piece)).to_pylist():
            raise _being_replaced(side.name)
        hashed = b"".join(digest_of(text or "") for text in piece.column("text").to_pylist())
        digests[done : done + len(piece)] = np.frombuffer(hashed, np.uint8).reshape(-1, 32)
        done += len(piece)
    return np.array(ids.to_pylist(), np.bytes_), digests


def _version(file: Any) -> bytes | None:
    version: bytes | None = (file.schema_arrow.metadata or {}).get(VERSION)
    return version


def _no_vectors(name: str) -> NoVectorsError:
    return NoVectorsError(
        f"the vectors of '{name}' are not published: setting output.embeddings turns them on, or "
        "there is no map yet"
    )


def _being_replaced(name: str) -> TransientError:
    return TransientError(f"the files of '{name}' are being replaced: ask again")
