"""Events about the dataset."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from shared.contracts.base import MAX_INT64, Event, Message


class CommittedBatch(Message):
    """One batch that the store holds."""

    batch_id: str = Field(description="The batch's id.")
    source_id: str = Field(description="The source that it is a piece of.")
    source_version: int = Field(
        ge=1, le=MAX_INT64, description="The source's version that it is a piece of."
    )
    records: int = Field(
        ge=0, le=MAX_INT64, description="Records of the batch that are in the store."
    )


class WritingCommitted(Event):
    """A micro-batch is in the store for good."""

    family: ClassVar[str] = "writing.committed"

    batches: tuple[CommittedBatch, ...] = Field(description="The batches of the commit.")
    dataset_version: int = Field(ge=0, description="The store's version that first holds them.")


class RemovedRows(Message):
    """What left the map of one source."""

    source_id: str = Field(description="The source.")
    filename: str = Field(description="The source's path below its root, with '/'.")
    below_version: int = Field(
        ge=1,
        le=MAX_INT64,
        description="Its points of lower versions are gone; see `source_version` in the "
        "descriptor of `map.points`.",
    )


class MapRemoved(Event):
    """Points left the map: their sources were replaced or forgotten.

    It is told after the commit that removed them, before the points that take their place.
    """

    family: ClassVar[str] = "map.removed"

    sources: tuple[RemovedRows, ...] = Field(description="Each of these sources, once.")
    dataset_version: int = Field(ge=0, description="The store's version without them.")


SettledAs = Literal["stored", "staged", "superseded", "refused"]
"""What writing made of a batch that came: it holds its rows; it keeps them beside the dataset
until their version is shown; it has a newer version of the source, and has put the batch aside; it
can never store what came, and has dead-lettered it."""

Checksum = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
"""See ``shared/vector_checksum.py``."""
NO_VECTORS = "cae66941d9efbd404e4d88758ea67670"
"""The checksum of none."""


class MovedRows(Message):
    """What came of a batch by which the rows of one source become those of another one."""

    source_id: str = Field(description="The source that has no rows any more.")
    source_version: int = Field(ge=2, le=MAX_INT64, description="Its version without records.")
    batch_id: str = Field(description="The only batch of that version, settled with this one.")
    records: int = Field(
        ge=0,
        le=MAX_INT64,
        description="Rows that the other source has by this; 0 if a newer version of it was there "
        "already, so that the rows are gone.",
    )


class SettledBatch(Message):
    """One batch that came to writing, and what the store holds of it since."""

    batch_id: str = Field(description="The batch's id.")
    source_id: str = Field(description="The source that it is a piece of.")
    source_version: int = Field(
        ge=1, le=MAX_INT64, description="The source's version that it is a piece of."
    )
    verdict: SettledAs = Field(
        description="stored: its rows are in the store, by this delivery or by an earlier one; "
        "staged: they wait until their version is shown, when they are told as stored; "
        "superseded: a newer version of its source is there; refused: what came can never be "
        "stored, a dead letter says why; or discovery tells that it was lost with its source."
    )
    records: int = Field(
        ge=0,
        le=MAX_INT64,
        description="Rows that the store holds now of this batch in this version; of one that is "
        "staged, those that wait. What came with this delivery is not told: a second copy may be "
        "another one.",
    )
    checksum: Checksum = Field(
        description="BLAKE2b of 128 bits, in hex, of the vectors of these rows: float32, little "
        "endian, row after row in the batch's order. Of no rows, that of no bytes."
    )
    moved: MovedRows | None = Field(
        default=None,
        description="Of a batch by which a source is moved: what came of that. Its rows stay "
        "pieces of the batches that they came with.",
    )


class WritingSettled(Event):
    """A micro-batch was decided on: each batch that came, with what is stored of it.

    Batches that waited are told when their version is shown, or another one comes in its place.
    """

    family: ClassVar[str] = "writing.settled"

    batches: tuple[SettledBatch, ...] = Field(description="Each of these batches, once.")
    dataset_version: int = Field(
        ge=0,
        description="The store's version of which this is true; 0 if discovery tells it.",
    )


class MeasuredMovement(Message):
    """How far the stored points moved when their model changed, in units of the map."""

    points: int = Field(ge=0, description="Points that were moved.")
    rms: float = Field(ge=0, description="Root mean square displacement.")
    median: float = Field(ge=0, description="Median displacement.")
    p95: float = Field(ge=0, description="95 % of the points moved less.")
    largest: float = Field(ge=0, description="Largest displacement.")


class WritingPublished(Event):
    """The public files were replaced."""

    family: ClassVar[str] = "writing.published"

    dataset_version: int = Field(ge=0, description="The store's version that the files hold.")
    model_version: int | None = Field(description="The model of all coordinates in the files.")
    records: int = Field(ge=0, description="Rows of the files.")
    seconds: float = Field(ge=0, description="How long writing them took.")
    movement: MeasuredMovement | None = Field(
        default=None, description="How far points moved, in the first files of a new model."
    )
