"""What the owners keep of one collection, as far as it can be compared, and what differs."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

MASK = (1 << 62) - 1
"""Sums of hashes are kept below it: then two of them never overflow SQLite's whole numbers."""
PARTS = ("text", "vector", "coordinates", "other columns")
"""What of a row is compared on its own, so that a difference has a name."""


class What(StrEnum):
    """What may differ; scripts read these words."""

    ROWS = "rows of the dataset and the ledger's account"
    VERSION = "version of the rows and the ledger's"
    NOT_IN_LEDGER = "source that the ledger does not know"
    TWICE = "row id that is there twice"
    BATCH_NOT_COUNTED = "batch that is stored and not counted"
    BATCH_NOT_STORED = "batch that is counted and not stored"
    BATCH_RECORDS = "records of a batch, counted and stored"
    MOMENTS = "moments of the vectors"
    MODEL = "newest model"
    MODEL_VALUES = "model in projection's state and in the archive"
    MAP_MODEL = "model of the stored coordinates"
    COORDINATES = "coordinates and what the model makes of the vectors"
    FILES = "public files"
    FILE_ROWS = "rows of the public files and of the dataset"
    FILE_PART = "{} in the public files and in the dataset"
    FILE_MODEL = "model in the public files"
    SOURCE = "rows of the dataset and the records of the source"
    IN_DOUBT = "batch that is stored with vectors that projection never had"
    STAGED_OVER = "batches that wait for a version that is over"
    STAGED_LOST = "batches of a coming version that are not there"
    LEDGER_APART = "ledger that does not belong to the dataset as it is"
    STATE_APART = "state of projection that does not belong to the dataset as it is"
    VARIANCE = "variance by the moments and by scikit-learn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Something that two owners say differently."""

    collection: str
    what: str
    expected: str
    found: str
    remedy: str
    source: str | None = None
    """Its filename on the map; none: it is about the whole collection."""


@dataclass(frozen=True, slots=True)
class Account:
    """What the ledger says of a source."""

    filename: str
    status: str
    version: int
    mapped: int
    is_settled: bool
    """Whether nothing of it is on its way."""


@dataclass(frozen=True, slots=True, eq=False)
class KeptMoments:
    """The moments that projection has."""

    count: int
    mean: NDArray[np.float64]
    scatter: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class KeptModel:
    """A model, and where it is kept."""

    version: int
    mean: NDArray[np.float32]
    components: NDArray[np.float32]

    def is_same(self, other: "KeptModel") -> bool:
        """Tell whether both put every vector at the same place."""
        return (
            self.version == other.version
            and np.array_equal(self.mean, other.mean)
            and np.array_equal(self.components, other.components)
        )


@dataclass(frozen=True, slots=True)
class Stand:
    """How far each owner is: the same before and after, or somebody was at work meanwhile."""

    dataset_version: int
    files_version: int | None
    revision: int
    ledger: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Rows:
    """Some rows, of the dataset or of the public files."""

    ids: Sequence[str]
    filenames: Sequence[str]
    texts: Sequence[str]
    others: Sequence[tuple[object, ...]]
    vectors: NDArray[np.float32] | None
    """None where the files have none."""
    points: NDArray[np.float32]
    batch_ids: Sequence[str] = ()
    """Of the dataset only, as what follows."""
    source_versions: Sequence[int] = ()
    model_versions: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class TextSum:
    """How many records a source has, and a sum over ids and texts that knows no order."""

    records: int
    texts: int


@dataclass(frozen=True, slots=True)
class Staged:
    """What waits of a source beside the dataset, by the writer or by the ledger."""

    source_id: str
    filename: str
    version: int
    batch_ids: frozenset[str]
    is_over: bool = False
    """Whether the ledger has no version that it could wait for."""


@dataclass(slots=True)
class PartSums:
    """How many rows a source has, and a sum over each part of them that knows no order."""

    rows: int
    parts: list[int]
    low_version: int = 0
    high_version: int = 0


@dataclass(frozen=True, slots=True)
class SourceTally:
    """What ledger, dataset and files say of one source."""

    filename: str
    account: Account | None
    stored: PartSums
    public: PartSums


@dataclass(frozen=True, slots=True)
class StoredSource:
    """A source that is to be read again, as it is stored."""

    filename: str
    version: int
    """The highest that has rows; 0: none has."""
    rows: int


@dataclass(frozen=True, slots=True)
class BatchTally:
    """How many records of a batch are stored, and how many are counted; none: it is not known."""

    batch_id: str
    filename: str | None
    stored: int | None
    counted: int | None


def part_sums(rows: Rows, *, has_vectors: bool) -> dict[str, PartSums]:
    """Sum rows up by source."""
    sums: dict[str, PartSums] = {}
    vectors = rows.vectors if has_vectors else None
    for at, (row_id, name) in enumerate(zip(rows.ids, rows.filenames, strict=True)):
        parts = (
            rows.texts[at].encode(errors="surrogatepass"),
            b"" if vectors is None else vectors[at].tobytes(),
            rows.points[at].tobytes(),
            repr(rows.others[at]).encode(errors="surrogatepass"),
        )
        own = sums.setdefault(name, PartSums(0, [0] * len(PARTS)))
        own.rows += 1
        for number, part in enumerate(parts):
            own.parts[number] = (own.parts[number] + _hash(row_id, part)) & MASK
        if rows.source_versions:
            version = rows.source_versions[at]
            own.low_version = min(own.low_version or version, version)
            own.high_version = max(own.high_version, version)
    return sums


def text_sum(records: Iterable[tuple[str, str]]) -> TextSum:
    """Sum up ids and texts, as the first of the parts of a row is summed."""
    count, total = 0, 0
    for row_id, text in records:
        count += 1
        total = (total + _hash(row_id, text.encode())) & MASK
    return TextSum(count, total)


def id_hashes(ids: Iterable[str]) -> NDArray[np.uint64]:
    """Return a hash of each row id."""
    return np.fromiter((_hash(one, b"") for one in ids), dtype=np.uint64)


def repeated(hashes: NDArray[np.uint64], most: int) -> Iterator[int]:
    """Find the hashes that occur more than once, looking at no more than so many at a time."""
    pieces = len(hashes) // most + 1
    for piece in range(pieces):
        some = hashes[hashes % pieces == piece] if pieces > 1 else hashes
        values, counts = np.unique(some, return_counts=True)
        yield from values[counts > 1].tolist()


def _hash(row_id: str, part: bytes) -> int:
    digest = blake2b(part, digest_size=8, key=row_id.encode()[:64]).digest()
    return int.from_bytes(digest, "little") & MASK
