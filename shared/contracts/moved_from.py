"""What a batch says of the source whose rows become another one's."""

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.base import MAX_INT64


class MovedFrom(BaseModel):
    """The source whose file has another name now: what is stored of it goes over as it is."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    source_id: str = Field(description="The source under the name before.")
    filename: str = Field(description="That name.")
    source_version: int = Field(
        ge=2,
        le=MAX_INT64,
        description="The version by which that source has no records any more.",
    )
    batch_id: str = Field(description="The only batch of that version; it is settled with this.")
