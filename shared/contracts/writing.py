"""Events about the dataset."""

from typing import ClassVar

from pydantic import Field

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
