"""Lists of runs, and the steps of one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import numpy as np
from anyio import to_thread
from numpy.typing import NDArray
from pydantic import Field

from services.gateway.domain.words import beginning, told_text
from services.gateway.handlers.answers import Body
from services.gateway.handlers.finding import Finding
from services.gateway.handlers.maps import NoMapError
from services.gateway.ports.regions import LabelLog
from services.gateway.ports.runs import PathStep, RunReader, RunTable
from services.gateway.ports.search import Tally
from shared.errors import MapstreamError

BEGINNING = 200
Centres = tuple[NDArray[np.float64], NDArray[np.bool_]]
Sorting = Literal["name", "steps", "outcome", "begun", "distance", "inside"]


class NoRegionError(MapstreamError):
    """The map has no region of this number now."""


class RunSummary(Body):
    """A run: the records of one source, in order; rows of tables are none."""

    name: str = Field(description="The source's path below its root, with '/'.")
    steps: int = Field(ge=1, description="How many records it has on the map.")
    outcome: str | None = Field(description="How it ended, as its last word of that says.")
    answer: str | None = Field(
        description="The beginning of its final answer, as the last step that has one gives it."
    )
    begun: datetime | None = Field(description="When its first step was.")
    ended: datetime | None = Field(description="When its last step was.")
    distance: float = Field(
        ge=0,
        description="How far its path is from the usual way, as a share of the map's diagonal: at "
        "17 moments of its progress, from the median of all runs at the same; root mean square.",
    )
    inside: int | None = Field(
        description="How many of its steps are in the region or area that was asked for, have the "
        "words, or are near to the record."
    )


class Runs(Body):
    """A page of the runs of a map."""

    collection: str = Field(description="The collection.")
    total: int = Field(ge=0, description="How many runs fit what was asked for.")
    limit: int = Field(description="The most on a page.")
    offset: int = Field(description="How many come before this page.")
    items: list[RunSummary] = Field(description="The runs, in the order that was asked for.")
    searched: int | None = Field(
        default=None,
        description="Where words were asked for: how many records were looked at, all of them or "
        "what the time was enough for.",
    )
    records: int | None = Field(
        default=None, description="Where words were asked for: how many records there are."
    )


class StepOfRun(Body):
    """A step of a run."""

    id: str = Field(description="The record's id.")
    iteration: int = Field(description="Its step.")
    type: str = Field(description="Its type.")
    timestamp: datetime | None = Field(description="When it was made, as its source says.")
    beginning: str = Field(description="The first characters of its text.")
    x: float = Field(description="Its place on the map.")
    y: float = Field(description="Its place on the map.")


class Run(Body):
    """The path of a run over the map."""

    collection: str = Field(description="The collection.")
    name: str = Field(description="The source's path below its root, with '/'.")
    outcome: str | None = Field(description="How it ended, as its last word of that says.")
    answer: str | None = Field(
        description="The beginning of its final answer, as the last step that has one gives it."
    )
    total: int = Field(ge=1, description="How many steps it has; some of many are told.")
    steps: list[StepOfRun] = Field(description="The first steps, in order.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Which runs are listed, and how."""

    sort: Sorting
    is_descending: bool
    limit: int
    offset: int
    region: int | None = None
    """Only those with a step in this region."""
    area: Sequence[tuple[float, float]] = ()
    """Only those with a step inside these corners."""
    words: tuple[str, ...] = ()
    """Only those with a step that has every word."""
    like: str = ""
    """Only those with a step that is near to this record."""


class RunBook:
    """Answers with runs."""

    def __init__(self, runs: RunReader, labels: LabelLog, finding: Finding) -> None:
        self._runs = runs
        self._labels = labels
        self._finding = finding

    async def list(self, collection: str, wish: Wish) -> Runs:
        """Return a page of the runs.

        Raises:
            NoMapError: There is no map yet.
            NoRegionError: It has no such region.
            NoNeighboursError: The vectors have no such record.
            NoVectorsError: The vectors are not published.
            TransientError: The files could not be read, or the bus did not answer.
        """
        table = await self._runs.table(collection)
        if table is None:
            raise NoMapError(f"collection '{collection}' has no map yet")
        centres = await self._centres(collection, wish.region) if wish.region else None
        tally = await self._tally(collection, wish)
        # A million points are compared with what was asked for: not in the loop.
        return await to_thread.run_sync(_page, collection, table, wish, centres, tally)

    async def _tally(self, collection: str, wish: Wish) -> Tally | None:
        """Count what was looked for, by run."""
        if wish.words:
            return await self._finding.sources_with(collection, wish.words)
        return await self._finding.sources_near(collection, wish.like) if wish.like else None

    async def _centres(self, collection: str, region: int) -> Centres:
        """Return the centres of all regions, and which are of this one."""
        told = await self._labels.last(collection)
        found = [(at.x, at.y, one.region) for one in (told.regions if told else ())
                 for at in one.centres]  # fmt: skip
        is_wanted = np.array([number == region for _, _, number in found], bool)
        if not is_wanted.any():
            raise NoRegionError(f"the map of '{collection}' has no region {region} now")
        return np.array([(x, y) for x, y, _ in found]), is_wanted

    async def one(self, collection: str, name: str, most: int) -> Run | None:
        """Return the steps of a run; nothing if there is no such run.

        Raises:
            TransientError: The files could not be read.
        """
        found = await self._runs.steps(collection, name, most)
        if found is None:
            return None
        steps = [_step(one) for one in found.steps]
        return Run(
            collection=collection,
            name=name,
            outcome=found.outcome,
            answer=_beginning(found.answer),
            total=found.total,
            steps=steps,
        )


def _page(
    collection: str, table: RunTable, wish: Wish, centres: Centres | None, tally: Tally | None
) -> Runs:
    paths = table.paths
    inside = _inside(table, wish, centres, tally)
    rows = np.arange(len(table.names)) if inside is None else np.flatnonzero(inside)
    order = _ordered(rows.tolist(), table, wish, inside)
    items = [
        RunSummary(
            name=table.names[row],
            steps=int(paths.lengths[row]),
            outcome=table.outcomes[row],
            answer=_beginning(table.answers[row]),
            begun=table.begun[row],
            ended=table.ended[row],
            distance=float(table.distances[row]),
            inside=None if inside is None else int(inside[row]),
        )
        for row in order[wish.offset : wish.offset + wish.limit]
    ]
    return Runs(
        collection=collection,
        total=len(order),
        limit=wish.limit,
        offset=wish.offset,
        items=items,
        searched=tally.searched if tally and wish.words else None,
        records=tally.records if tally and wish.words else None,
    )


def _inside(
    table: RunTable, wish: Wish, centres: Centres | None, tally: Tally | None
) -> NDArray[np.int64] | None:
    """Return how many steps of each run are what was asked for; nothing if all are."""
    if tally is not None:
        return np.array([tally.counts.get(name, 0) for name in table.names], np.int64)
    if wish.area:
        return table.paths.steps_within(table.paths.is_inside(wish.area))
    return None if centres is None else table.paths.steps_within(table.paths.is_nearest(*centres))


def _ordered(
    rows: list[int], table: RunTable, wish: Wish, inside: NDArray[np.int64] | None
) -> list[int]:
    """Sort runs; of equal ones by their names, and those of which it is not known last."""
    values: Sequence[Any] = {
        "name": table.names,
        "steps": table.paths.lengths.tolist(),
        "outcome": table.outcomes,
        "begun": table.begun,
        "distance": table.distances.tolist(),
        "inside": table.names if inside is None else inside.tolist(),
    }[wish.sort]
    known = [row for row in rows if values[row] is not None]
    known.sort(key=values.__getitem__, reverse=wish.is_descending)
    return known + [row for row in rows if values[row] is None]


def _beginning(answer: str | None) -> str | None:
    return None if answer is None else beginning(answer, BEGINNING)


def _step(found: PathStep) -> StepOfRun:
    return StepOfRun(
        id=found.id,
        iteration=found.iteration,
        type=found.type,
        timestamp=found.timestamp,
        beginning=beginning(told_text(found.text, found.type), BEGINNING),
        x=found.x,
        y=found.y,
    )
