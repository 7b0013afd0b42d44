"""What is told of a single record, for whoever points at it on the map."""

import json
from datetime import datetime
from typing import Any

from pydantic import Field

from services.gateway.domain.words import beginning, told_text
from services.gateway.handlers.answers import Body
from services.gateway.ports.records import FoundRecord, RecordReader, Step

BEGINNING = 280
OWN = {"projection_x": "x", "projection_y": "y"}
"""Columns of the public file that are called otherwise here."""


class RunStep(Body):
    """A record of the same source, as the one before or after another."""

    id: str = Field(description="Its id.")
    iteration: int = Field(description="Its step.")
    type: str = Field(description="Its type.")
    beginning: str = Field(description="The first characters of its text.")


class WholeRecord(Body):
    """A record of the map, whole, with its place in its source."""

    collection: str = Field(description="The collection.")
    id: str = Field(description="Its id.")
    text: str = Field(description="Its text, whole.")
    type: str = Field(description="Its type.")
    filename: str = Field(description="The source's path below its root, with '/'.")
    iteration: int = Field(description="Its step.")
    idx_in_iteration: int = Field(description="Its place among the records of this step.")
    timestamp: datetime | None = Field(description="When it was made, as its source says.")
    arrived_at: datetime | None = Field(description="When it was read.")
    attributes: dict[str, Any] = Field(description="What else its source says of it.")
    x: float = Field(description="Its place on the map.")
    y: float = Field(description="Its place on the map.")
    place: int = Field(ge=1, description="Its place in its source, from 1.")
    steps: int = Field(ge=1, description="How many records its source has on the map.")
    previous: RunStep | None = Field(description="The one before it; null if it is the first.")
    next: RunStep | None = Field(description="The one after it; null if it is the last.")


async def find_record(
    collection: str, key: str, source: str | None = None, *, records: RecordReader
) -> WholeRecord | None:
    """Return a record as the public files hold it; nothing if they have none of this id.

    It is looked for in a source first, if one is told.

    Raises:
        TransientError: They could not be read.
    """
    found = await records.find(collection, key, source)
    return None if found is None else _told(collection, found)


def _told(collection: str, found: FoundRecord) -> WholeRecord:
    facts = {OWN.get(name, name): value for name, value in found.columns.items()}
    facts["attributes"] = json.loads(facts["attributes"] or "{}")
    return WholeRecord(
        **facts,
        collection=collection,
        place=found.place + 1,
        steps=found.steps,
        previous=_step(found.previous),
        next=_step(found.next),
    )


def _step(step: Step | None) -> RunStep | None:
    if step is None:
        return None
    return RunStep(
        id=step.id,
        iteration=step.iteration,
        type=step.type,
        beginning=beginning(told_text(step.text, step.type), BEGINNING),
    )
