"""What discovery asks writing before a version is read that replaces another one."""

from pydantic import ConfigDict, Field

from shared.contracts.base import MAX_INT64, Message


class AskRoom(Message):
    """Asks whether there is room for a version beside the one that is shown."""

    model_config = ConfigDict(extra="forbid")

    content_bytes: int = Field(ge=0, le=MAX_INT64, description="Length of its content.")
    records: int = Field(
        ge=0, le=MAX_INT64, description="How many records it will have, as far as can be told."
    )


class RoomLeft(Message):
    """Tells how much room there is beside a dataset, and how much a version needs."""

    free_bytes: int = Field(ge=0, le=MAX_INT64, description="Free on the disk of the dataset.")
    needed_bytes: int = Field(
        ge=0,
        le=MAX_INT64,
        description="Needed until the version is shown: its rows twice, once while they wait and "
        "once in the dataset.",
    )
