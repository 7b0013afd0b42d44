"""What the handlers need from outside."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import pyarrow as pa

from shared.contracts.answers import Answer
from shared.contracts.base import Command, Event
from shared.contracts.batches import Batch
from shared.contracts.commands import Selection
from shared.contracts.dead_letters import LetterPage, StoredLetter
from shared.contracts.projection import ProjectionModel
from shared.contracts.status_reading import Statuses
from shared.contracts.statuses import Wait
from shared.contracts.stored_events import StoredEvent
from shared.errors import MapstreamError


class PositionLostError(MapstreamError):
    """The stream of points does not reach back to that position, or was made anew."""


class EventLog(Protocol):
    """The public events of all collections that are served."""

    @property
    def position(self) -> int:
        """Sequence of the last event that is known here."""
        ...

    def follow(
        self, after: int | None, collections: Collection[str], *, idle_s: float = 15.0
    ) -> AsyncGenerator[StoredEvent | None, None]:
        """Give every event after a position (none: from now on) until the gateway stops.

        None comes after each ``idle_s`` without news. Nothing piles up while nobody takes.
        """
        ...

    async def answers(self, correlation_id: str) -> Sequence[StoredEvent]:
        """Find the events that answered a command, oldest first, as far as the stream goes back.

        Raises:
            BusAway: The bus did not answer.
        """
        ...


class EventStream(Protocol):
    """The events that a stream keeps."""

    async def last(self) -> int:
        """Return the sequence of the last one; 0 if there was none.

        Raises:
            BusAway: The bus did not answer.
        """
        ...

    async def some(self, after: int, most: int) -> tuple[Sequence[StoredEvent], bool]:
        """Return what there is after a position, up to a number, and whether there is more.

        Raises:
            BusAway: The bus did not answer.
        """
        ...


@dataclass(frozen=True, slots=True)
class PointMessage:
    """A message of points, as its stream keeps it."""

    sequence: int
    body: bytes
    is_removal: bool = False
    """Whether it tells what left the map."""


class PointStream(Protocol):
    """The points that were committed, and that left the map, as the stream keeps them."""

    async def bounds(self) -> tuple[int, int]:
        """Return the sequences of its first and its last message.

        Raises:
            BusAway: The bus did not answer.
        """
        ...

    async def some(
        self, collection: str, after: int, most: int
    ) -> tuple[Sequence[PointMessage], bool]:
        """Return a collection's messages after a position, and whether there are more.

        Raises:
            BusAway: The bus did not answer.
        """
        ...


class CommandBus(Protocol):
    """Where commands go, and where they are answered."""

    async def request(
        self,
        collection: str,
        command: Command,
        *,
        caller: str,
        timeout_s: float,
        shown_model: Callable[[], Awaitable[int | None]],
    ) -> Answer:
        """Give a command and return what has been told when the time is up, or all was told.

        Its correlation id keeps it from being carried out twice.

        Args:
            collection: Whom it is for.
            command: With a correlation id.
            caller: Whose token it came with, for the audit; empty: no token was asked for.
            timeout_s: How long the answer is waited for.
            shown_model: Tells which model the public files hold.

        Raises:
            BusAway: The bus did not take it, or did not say so.
        """
        ...

    async def answer_to(
        self, collection: str, command: type[Command], correlation_id: str
    ) -> Event | None:
        """Look for the answer to a command of a kind, among all that was ever told there.

        Raises:
            BusAway: The bus did not answer.
        """
        ...


class LetterLog(Protocol):
    """The dead letters of all collections."""

    async def page(
        self, collection: str, selection: Selection, *, after: int = 0, limit: int = 50
    ) -> LetterPage:
        """Return a page of a collection's letters, without their bodies.

        Raises:
            BusAway: The bus did not answer.
        """
        ...

    async def get(self, sequence: int) -> StoredLetter | None:
        """Return a whole letter; nothing if there is none at this place.

        Raises:
            BusAway: The bus did not answer.
        """
        ...


class StatusBoard(Protocol):
    """What the services tell about themselves."""

    async def statuses(self) -> Statuses | None:
        """Return the statuses of each service's instances; nothing if the bus is away."""
        ...

    def waits(self) -> Sequence[Wait]:
        """Return what the gateway itself waits for."""
        ...


@dataclass(frozen=True, slots=True)
class Points:
    """What happened to the points after a position."""

    batches: Sequence[Batch]
    removals: Mapping[str, int]
    """Source to version: its points of lower versions left the map."""
    position: int
    """All that happened up to here is among it."""
    has_more: bool
    """Whether there is more beyond it already."""


class PointLog(Protocol):
    """The stream of committed points."""

    async def position_of(self, collection: str, dataset_version: int) -> int:
        """Return a position up to which files of this version hold all points.

        Raises:
            BusAway: The bus did not answer.
        """
        ...

    async def read(self, collection: str, after: int) -> Points:
        """Read what was committed after a position, up to a bounded amount.

        Raises:
            PositionLostError: The stream does not reach back to it.
            BusAway: The bus did not answer.
        """
        ...


@dataclass(frozen=True, slots=True)
class FileFacts:
    """One public file."""

    name: str
    size_bytes: int
    modified: datetime


@dataclass(frozen=True, slots=True)
class MapMarks:
    """What the public files say of themselves."""

    dataset_version: int
    model_version: int | None
    records: int


class OpenMap(Protocol):
    """The map as one file holds it, even if it is replaced meanwhile."""

    @property
    def marks(self) -> MapMarks:
        """What the file says of itself."""
        ...

    def batches(self) -> AsyncGenerator[pa.RecordBatch, None]:
        """Read id, x, y, type, filename, iteration and version in pieces of bounded size.

        Raises:
            TransientError: The file could not be read.
        """
        ...


class MapReader(Protocol):
    """The public files of every collection."""

    async def marks(self, collection: str) -> MapMarks | None:
        """Return what the map says of itself; nothing if there is none yet.

        Raises:
            TransientError: It could not be read.
        """
        ...

    async def files(self, collection: str) -> Sequence[FileFacts]:
        """List the files that are there.

        Raises:
            TransientError: The folder could not be read.
        """
        ...

    def open(self, collection: str) -> AbstractAsyncContextManager[OpenMap | None]:
        """Open the map; nothing if there is none yet.

        Raises:
            TransientError: It could not be read.
        """
        ...


class ModelHistory(Protocol):
    """Every model that a collection had."""

    async def versions(self, collection: str) -> Sequence[int]:
        """Return the versions, newest first.

        Raises:
            TransientError: The folder could not be read.
        """
        ...

    async def get(self, collection: str, version: int) -> ProjectionModel | None:
        """Return a model; nothing if there is none of this version.

        Raises:
            TransientError: It could not be read.
        """
        ...
