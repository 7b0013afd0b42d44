"""The event about the regions of a map and their names."""

from typing import ClassVar

from pydantic import Field

from shared.contracts.base import Event, Message


class Place(Message):
    """A place of the plane."""

    x: float = Field(description="In the units of the map.")
    y: float = Field(description="In the units of the map.")


class Region(Message):
    """A region of the map."""

    region: int = Field(
        ge=1,
        description="Its number in this collection: it keeps it, and its words, as long as most "
        "of its points stay together, also when a refit moves them; no other one ever has it.",
    )
    words: tuple[str, ...] = Field(
        description="What it is named by, most telling first; none: its texts say nothing that "
        "others do not say."
    )
    x: float = Field(description="The median of its points.")
    y: float = Field(description="The same.")
    spread: float = Field(ge=0, description="Half of its points are nearer to that.")
    share: float = Field(ge=0, le=1, description="Its share of the records.")
    centres: tuple[Place, ...] = Field(
        description="Of all centres of the event, a point belongs to the nearest one's region."
    )


class ToldRegion(Region):
    """A region with some of its points, by which it is known again."""

    members: tuple[str, ...] = Field(
        description="The first twelve characters of the ids of up to 40 of its records."
    )


class MapLabels(Event):
    """The regions of a map were found and named."""

    family: ClassVar[str] = "map.labels"

    dataset_version: int = Field(ge=0, description="The store's version that was looked at.")
    model_version: int | None = Field(
        description="The model of its points: with another one the places mean nothing."
    )
    records: int = Field(ge=0, description="Records of the map.")
    sampled: int = Field(ge=0, description="How many of them were looked at, at most 50,000.")
    seconds: float = Field(ge=0, description="What that took of a core.")
    last_region: int = Field(
        ge=0, description="The highest number that a region of this collection ever had."
    )
    regions: tuple[ToldRegion, ...] = Field(description="The regions, the largest first.")
