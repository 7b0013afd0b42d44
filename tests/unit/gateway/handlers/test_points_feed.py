"""Many open pages ask for the same points at once."""

import asyncio
from collections.abc import Sequence

import pytest

from services.gateway.handlers.points_feed import READS, PointsFeed
from services.gateway.ports import PointMessage, Points, PositionLostError
from shared.contracts.batches import encode
from tests.unit.gateway.builders import points


class FakePointStream:
    """Has some messages of one point, and counts how they are read."""

    def __init__(self, messages: int) -> None:
        self.first = 1
        self.messages = messages
        self.reads = 0
        self.at_a_time = 0
        self.most_at_a_time = 0

    async def bounds(self) -> tuple[int, int]:
        await asyncio.sleep(0)
        return self.first, self.messages

    async def some(
        self, collection: str, after: int, most: int
    ) -> tuple[Sequence[PointMessage], bool]:
        del collection
        self.reads += 1
        self.at_a_time += 1
        self.most_at_a_time = max(self.most_at_a_time, self.at_a_time)
        await asyncio.sleep(0.001)
        self.at_a_time -= 1
        numbers = range(max(after + 1, self.first), self.messages + 1)[:most]
        found = [PointMessage(one, encode(points(f"b{one}", [f"p{one}"]))) for one in numbers]
        return found, len(numbers) == most and numbers[-1] < self.messages


def ids(told: Points) -> list[str]:
    return [one for batch in told.batches for one in batch.rows.column("id").to_pylist()]


async def test_pages_that_ask_for_the_same_share_what_is_read() -> None:
    stream = FakePointStream(5)
    feed = PointsFeed(stream)

    answers = await asyncio.gather(*(feed.read("default", 2) for _ in range(100)))

    assert [ids(one) for one in answers] == [["p3", "p4", "p5"]] * 100
    assert stream.reads <= READS


async def test_pages_that_ask_for_other_points_are_read_for_a_few_at_a_time() -> None:
    stream = FakePointStream(60)
    feed = PointsFeed(stream)

    answers = await asyncio.gather(*(feed.read("default", after) for after in range(60)))

    assert [len(ids(one)) for one in answers] == list(range(60, 0, -1))
    assert stream.most_at_a_time == READS


async def test_what_comes_or_goes_is_read_anew() -> None:
    stream = FakePointStream(3)
    feed = PointsFeed(stream)
    assert ids(await feed.read("default", 1)) == ["p2", "p3"]

    stream.messages = 4
    assert ids(await feed.read("default", 1)) == ["p2", "p3", "p4"]
    assert ids(await feed.read("another", 1)) == ["p2", "p3", "p4"]
    assert stream.reads == 3

    stream.first = 4
    with pytest.raises(PositionLostError):
        await feed.read("another", 1)
