"""What the owners of a collection ask writing: whether they belong together, and what it has."""

from typing import Literal

from pydantic import ConfigDict, Field

from shared.contracts.base import MAX_INT64, Message
from shared.contracts.projection import ProjectionModel


class ToldOpening(Message):
    """A time from one start of an owner's state on."""

    id: str = Field(min_length=1, description="Random.")
    began: int = Field(ge=0, le=MAX_INT64, description="The position of the state then.")


class ToldMemory(Message):
    """What an owner remembers of the dataset."""

    history: str = Field(description="The dataset's id.")
    opening: str = Field(description="The last of its openings that was heard of.")
    position: int = Field(ge=0, le=MAX_INT64, description="Its version then.")


class CompareHistory(Message):
    """Asks whether a state and the dataset belong together, and tells the state's own history."""

    model_config = ConfigDict(extra="forbid")

    owner: Literal["discovery", "projection"] = Field(description="Who has the state.")
    history: str = Field(min_length=1, description="The state's id.")
    openings: tuple[ToldOpening, ...] = Field(
        min_length=1, description="Its openings, the newest last."
    )
    position: int = Field(
        ge=0, le=MAX_INT64, description="How far it is: this grows with what is changed."
    )
    seen: ToldMemory | None = Field(
        default=None, description="What it remembers of the dataset; null: it has heard of none."
    )
    is_renewed: bool = Field(
        default=False, description="Whether it was made again to fit to the dataset."
    )
    holds_rows: bool = Field(
        default=False, description="Whether it says that the dataset has rows."
    )


Judged = Literal[
    "together",
    "it begins anew, and the dataset does not",
    "it is older than the one that the dataset knows",
    "it is not the one that the dataset knows",
    "the dataset begins anew, and it does not",
    "the dataset is older than the one that it knows",
    "the dataset is not the one that it knows",
]


class ComparedHistory(Message):
    """Says whether a state and the dataset belong together."""

    verdict: Judged = Field(description="What was found; it is the state of who asks.")
    dataset: ToldMemory = Field(description="What is to be remembered of the dataset.")


class AskStored(Message):
    """Asks for a page of what the dataset has; an empty body asks for the first."""

    model_config = ConfigDict(extra="forbid")

    after: int = Field(default=0, ge=0, le=MAX_INT64, description="How many were told before.")
    dataset_version: int | None = Field(
        default=None, ge=0, le=MAX_INT64, description="Of which version; null: the present one."
    )


class StoredPage(Message):
    """What all pages have."""

    dataset_version: int = Field(ge=0, description="The version of which this is true.")
    next_after: int | None = Field(
        default=None, description="`after` of the next page; null if this is the last."
    )


class HeldVersion(Message):
    """The newest version of a source that the dataset knows, shown or waiting to be."""

    source_id: str = Field(description="The source.")
    filename: str | None = Field(
        description="Its path below its root; null if it has no rows: then nobody knows it."
    )
    version: int = Field(ge=0, le=MAX_INT64, description="The version.")
    records: int = Field(ge=0, description="Its rows.")


class StoredVersions(StoredPage):
    """The versions of sources."""

    sources: tuple[HeldVersion, ...] = Field(description="By id.")


class StoredVectors(StoredPage):
    """Vectors of the rows, and the batches that they came with."""

    dimension: int = Field(ge=0, description="Length d of a vector; 0 if there is none.")
    batch_ids: tuple[str, ...] = Field(description="Of each row.")
    vectors: str = Field(description="d little-endian float32 of each row, base64.")


class StoredModels(StoredPage):
    """The models that are archived beside the dataset."""

    models: tuple[ProjectionModel, ...] = Field(description="The oldest first.")
