"""The stream of points, and how far the public files reach into it."""

import asyncio

import structlog
from pydantic import ValidationError

from services.gateway.domain.positions import Positions
from services.gateway.handlers.maps import require_points
from services.gateway.ports import PointMessage, Points, PointStream, PositionLostError
from shared.contracts.batches import Batch, decode
from shared.contracts.writing import MapRemoved, WritingCommitted
from shared.errors import BusAway, InvalidMessage

MOST_MESSAGES = 512
"""In one answer; of at most 128 points each."""
WAIT_S = 10.0
READS = 4
"""At a time: each holds up to two hundred messages of some ten kilobytes on its way, and the bus
cuts off whoever leaves 64 MiB with it."""
log = structlog.get_logger(__name__)


class PointsFeed:
    """Knows the ids of the messages and the commits, and reads the points when asked."""

    def __init__(self, stream: PointStream) -> None:
        self._floor = 0
        """Of every collection; see ``Positions``."""
        self._positions: dict[str, Positions] = {}
        self._stream = stream
        self._last = 0
        self._reading = asyncio.Semaphore(READS)
        self._read: tuple[tuple[str, int, int], Points] | None = None
        """What was read last, by collection, position and end: open pages ask for the same."""
        self.has_points = asyncio.Event()
        """Set when all messages of points that there are were taken in."""
        self.is_ready = asyncio.Event()
        """Set when all commits were taken in, too."""

    def begin(self, first: int) -> None:
        """Begin with the first message that the stream still has."""
        self._floor = max(0, first - 1)
        self._positions.clear()
        self._read = None

    def add_points(self, collection: str, sequence: int, batch_id: str) -> None:
        """Take in the id of a message of points."""
        if sequence <= self._last:  # the stream was made anew
            self._floor = 0
            self._positions.clear()
            self._read = None
        self._last = sequence
        self._of(collection).add_points(sequence, batch_id)

    def add_commit(self, collection: str, event: WritingCommitted) -> None:
        """Take in which batches the dataset holds."""
        batches = [one.batch_id for one in event.batches]
        self._of(collection).add_commit(event.dataset_version, batches)

    def leave(self, collection: str) -> None:
        """Forget a collection that is not served any more."""
        self._positions.pop(collection, None)

    async def position_of(self, collection: str, dataset_version: int) -> int:
        """Return a position up to which files of this version hold all points.

        Raises:
            BusAway: The bus did not answer, or the streams are still being read.
        """
        try:
            async with asyncio.timeout(WAIT_S):
                await self.is_ready.wait()
        except TimeoutError as error:
            raise BusAway("the streams are still being read") from error
        first, _ = await self._stream.bounds()
        return self._of(collection).since(dataset_version, first)

    async def read(self, collection: str, after: int) -> Points:
        """Read what came and left after a position, up to a bounded amount.

        Raises:
            PositionLostError: The stream does not reach back to it.
            BusAway: The bus did not answer.
        """
        async with self._reading:
            first, last = await self._stream.bounds()
            if after > last:
                raise PositionLostError(
                    f"position {after} is beyond the end of the stream, {last}"
                )
            wish = (collection, after, last)
            if self._read and self._read[0] == wish and after >= first - 1:
                return self._read[1]
            found = await self._read_after(collection, after, last)
            self._read = (wish, found)
            return found

    async def _read_after(self, collection: str, after: int, last: int) -> Points:
        messages, has_more = await self._stream.some(collection, after, MOST_MESSAGES)
        # Asked for after the reading: what went away meanwhile was perhaps not read.
        first, _ = await self._stream.bounds()
        if after < first - 1:
            raise PositionLostError(f"the stream begins at {first}, after position {after}")
        read_to = messages[-1].sequence if messages else after
        position = read_to if has_more else max(read_to, last)
        batches: list[Batch] = []
        removals: dict[str, int] = {}
        for one in messages:
            try:
                if one.is_removal:
                    _add_removals(removals, one)
                else:
                    batches.append(require_points(decode(one.body)))
            except (InvalidMessage, ValidationError) as error:
                log.warning("points.unreadable", sequence=one.sequence, error=str(error))
        return Points(batches, removals, position, has_more)

    def _of(self, collection: str) -> Positions:
        if collection not in self._positions:
            self._positions[collection] = Positions(self._floor)
        return self._positions[collection]


def _add_removals(removals: dict[str, int], message: PointMessage) -> None:
    """Add what a message says has left; of a source, the highest version counts."""
    for one in MapRemoved.model_validate_json(message.body).sources:
        removals[one.filename] = max(removals.get(one.filename, 0), one.below_version)
