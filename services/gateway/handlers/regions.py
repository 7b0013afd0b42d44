"""What is told of the regions of a map."""

from datetime import datetime

from pydantic import Field

from services.gateway.handlers.answers import Body
from services.gateway.ports.regions import LabelLog
from shared.contracts.labels import Region


class Regions(Body):
    """The regions of a map, as they were found last."""

    collection: str = Field(description="The collection.")
    found_at: datetime | None = Field(description="When that was; null if they were not yet.")
    dataset_version: int | None = Field(description="The dataset's version that was looked at.")
    model_version: int | None = Field(
        description="The model of its points: with another one the places mean nothing."
    )
    records: int = Field(ge=0, description="Records that the map had.")
    regions: list[Region] = Field(description="The regions, the largest first.")


async def find_regions(collection: str, *, labels: LabelLog) -> Regions:
    """Return the regions that were told last, without the records by which they are known again.

    Raises:
        BusAway: The bus did not answer.
    """
    told = await labels.last(collection)
    return Regions(
        collection=collection,
        found_at=told.occurred_at if told else None,
        dataset_version=told.dataset_version if told else None,
        model_version=told.model_version if told else None,
        records=told.records if told else 0,
        regions=[Region(**dict(one)) for one in told.regions] if told else [],
    )
