"""The stream of points, and how far the public files reach into it."""

import asyncio
from collections.abc import Iterable
from contextlib import aclosing

import structlog
from pydantic import ValidationError

from services.gateway.domain.positions import Positions
from services.gateway.handlers.maps import require_points
from services.gateway.ports import Points, PositionLost
from shared.bus.messages.outgoing import MESSAGE_ID
from shared.bus.reading.direct_get import Stored
from shared.bus.reading.stream_reader import StreamReader, patiently
from shared.bus.registry.batches import MAP_POINTS
from shared.bus.registry.channel import split_subject
from shared.contracts.batches import Batch, decode
from shared.contracts.writing import WritingCommitted
from shared.errors import BusAway, InvalidMessage

MOST_MESSAGES = 512
"""In one answer; of at most 128 points each."""
WAIT_S = 10.0
PREFIX = MAP_POINTS.message_id("")
"""What a batch's id has before it as the id of its message."""
log = structlog.get_logger(__name__)


class PointsFeed:
    """Follows the ids of the messages and the commits, and reads the points when asked."""

    def __init__(
        self, collections: Iterable[str], points: StreamReader, commits: StreamReader
    ) -> None:
        self._positions = {name: Positions() for name in collections}
        self._points = points
        self._commits = commits
        self._last = 0
        self._has_points = asyncio.Event()
        self._is_ready = asyncio.Event()

    async def run_points(self) -> None:
        """Take in the ids of messages of points until cancelled."""
        first = (await patiently(self._points.state)).first_seq
        for name in self._positions:
            self._positions[name] = Positions(max(0, first - 1))
        following = self._points.follow(0, on_end=self._has_points.set)
        async with aclosing(following) as messages:
            async for raw in messages:
                self._add_points(raw)

    async def run_commits(self) -> None:
        """Take in the commits until cancelled; first the points, which wait for their commits."""
        await self._has_points.wait()
        following = self._commits.follow(0, on_end=self._is_ready.set)
        async with aclosing(following) as messages:
            async for raw in messages:
                self._add_commit(raw)

    async def position_of(self, collection: str, dataset_version: int) -> int:
        """Return a position up to which files of this version hold all points.

        Raises:
            BusAway: The bus did not answer, or the streams are still being read.
        """
        try:
            async with asyncio.timeout(WAIT_S):
                await self._is_ready.wait()
        except TimeoutError as error:
            raise BusAway("the streams are still being read") from error
        first = (await self._points.state()).first_seq
        return self._positions[collection].since(dataset_version, first)

    async def read(self, collection: str, after: int) -> Points:
        """Read what was committed after a position, up to a bounded amount.

        Raises:
            PositionLost: The stream does not reach back to it.
            BusAway: The bus did not answer.
        """
        last = (await self._points.state()).last_seq
        if after > last:
            raise PositionLost(f"position {after} is beyond the end of the stream, {last}")
        reading = StreamReader(
            self._points.client, self._points.stream, (MAP_POINTS.subject(collection),)
        )
        messages, has_more = await reading.some(after, MOST_MESSAGES)
        # Asked for after the reading: what went away meanwhile was perhaps not read.
        first = (await self._points.state()).first_seq
        if after < first - 1:
            raise PositionLost(f"the stream begins at {first}, after position {after}")
        read_to = messages[-1].sequence if messages else after
        position = read_to if has_more else max(read_to, last)
        return Points([one for raw in messages if (one := _batch_of(raw))], position, has_more)

    def _add_points(self, raw: Stored) -> None:
        positions = self._positions.get(_collection_of(raw))
        sequence = raw.sequence
        if sequence <= self._last:  # the stream was made anew
            self._positions = {name: Positions() for name in self._positions}
            positions = self._positions.get(_collection_of(raw))
        self._last = sequence
        if positions is not None:
            delivery_id = raw.headers.get(MESSAGE_ID, "").removeprefix(PREFIX)
            positions.add_points(sequence, delivery_id.partition(":")[0])

    def _add_commit(self, raw: Stored) -> None:
        positions = self._positions.get(_collection_of(raw))
        if positions is None:
            return
        try:
            event = WritingCommitted.model_validate_json(raw.data)
        except ValidationError as error:
            log.warning("event.unreadable", subject=raw.subject, error=str(error))
            return
        positions.add_commit(event.dataset_version, [one.batch_id for one in event.batches])


def _collection_of(raw: Stored) -> str:
    return split_subject(raw.subject)[1]


def _batch_of(raw: Stored) -> Batch | None:
    try:
        return require_points(decode(raw.data))
    except InvalidMessage as error:
        log.warning("points.unreadable", sequence=raw.sequence, error=str(error))
        return None
