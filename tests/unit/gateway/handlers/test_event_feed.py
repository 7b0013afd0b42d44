"""The feed with a stand-in for the stream: who lags reads the stream, and memory is bounded."""

import asyncio
from contextlib import aclosing
from typing import Any

from services.gateway.handlers import event_feed
from services.gateway.handlers.event_feed import EventFeed
from shared.bus.reading.events import ANSWER_SUBJECTS, PUBLIC_SUBJECTS
from shared.contracts.stored_events import StoredEvent
from shared.errors import BusAway
from tests.waiting import PATIENCE_S

ALL = ("default", "other")


class FakeStream:
    """A stream of ``count`` events."""

    def __init__(self, count: int = 0, failures: int = 0) -> None:
        self.count = count
        self.failures = failures
        self.reads = 0

    async def last(self) -> int:
        return self.count

    async def some(self, after: int, most: int) -> tuple[list[StoredEvent], bool]:
        self.reads += 1
        if self.failures:
            self.failures -= 1
            raise BusAway("away")
        numbers = range(after + 1, min(self.count, after + most) + 1)
        return [told(one) for one in numbers], after + most < self.count


def told(number: int, collection: str = "default", size: int = 2) -> StoredEvent:
    return StoredEvent(number, "a.b", collection, b"x" * size)


async def take(feed: EventFeed, after: int | None, count: int, names: Any = ALL) -> list[int]:
    found: list[int] = []
    async with asyncio.timeout(PATIENCE_S), aclosing(feed.follow(after, names)) as news:
        async for one in news:
            if one is not None:
                found.append(one.sequence)
            if len(found) == count:
                break
    return found


def build(reading: FakeStream) -> EventFeed:
    return EventFeed(reading, reading)


async def test_who_lags_reads_the_stream_and_then_goes_on_live() -> None:
    reading = FakeStream(200)
    feed = build(reading)
    await feed.start()
    for number in (201, 202):
        reading.count = number
        feed.add(told(number))

    assert await take(feed, 0, 202) == list(range(1, 203))
    assert reading.reads == 4
    assert await take(feed, 201, 1) == [202]
    assert reading.reads == 4


async def test_without_a_position_only_news_come() -> None:
    feed = build(FakeStream(200))
    await feed.start()
    taking = asyncio.create_task(take(feed, None, 1))
    await asyncio.sleep(0.01)

    feed.add(told(201))

    assert await taking == [201]


async def test_news_come_from_the_call_on_not_from_the_first_look() -> None:
    """A client that was told that it is connected may not miss what happens next."""
    feed = build(FakeStream(200))
    await feed.start()
    news = feed.follow(None, ALL)

    feed.add(told(201))

    async with aclosing(news):
        first = await anext(news)
    assert first is not None
    assert first.sequence == 201


async def test_other_collections_are_left_out() -> None:
    feed = build(FakeStream())
    await feed.start()
    for number, name in ((1, "default"), (2, "other"), (3, "default")):
        feed.add(told(number, name))

    assert await take(feed, 0, 1, ("other",)) == [2]


async def test_memory_is_bounded_in_number_and_bytes() -> None:
    feed = build(FakeStream())
    await feed.start()
    for number in range(1, event_feed.RING_EVENTS * 2):
        feed.add(told(number))
    assert len(feed._ring) == event_feed.RING_EVENTS

    for number in range(5000, 5010):
        feed.add(told(number, size=event_feed.RING_BYTES // 4))

    assert sum(len(one.body) for one in feed._ring) <= event_feed.RING_BYTES
    assert feed._floor == feed._ring[0].sequence - 1


async def test_a_position_of_a_stream_that_is_gone_begins_with_now() -> None:
    feed = build(FakeStream(5))
    await feed.start()
    taking = asyncio.create_task(take(feed, 1000, 1))
    await asyncio.sleep(0.01)

    feed.add(told(6))

    assert await taking == [6]


async def test_a_stream_that_was_made_anew_is_followed_on() -> None:
    """The bus may lose its data; its sequences begin again then."""
    feed = build(FakeStream(500))
    await feed.start()
    feed.add(told(501))
    taking = asyncio.create_task(take(feed, 501, 2))
    await asyncio.sleep(0.01)

    feed.add(told(1))
    feed.add(told(2))

    assert await taking == [1, 2]


async def test_a_bus_that_is_away_is_waited_for(monkeypatch: Any) -> None:
    monkeypatch.setattr(event_feed, "RETRY_S", 0)
    feed = build(FakeStream(3, failures=2))
    await feed.start()

    assert await take(feed, 0, 3) == [1, 2, 3]


async def test_silence_is_told() -> None:
    feed = build(FakeStream())
    await feed.start()
    async with aclosing(feed.follow(None, ALL, idle_s=0.01)) as news:
        assert await anext(news) is None


async def test_followers_end_with_the_feed() -> None:
    feed = build(FakeStream())
    await feed.start()
    taking = asyncio.create_task(take(feed, None, 1))
    await asyncio.sleep(0.01)

    feed.close()

    assert await taking == []


def test_subjects_are_of_public_events_only() -> None:
    assert "projection.updated.*" in PUBLIC_SUBJECTS
    assert "projection.model.*" not in PUBLIC_SUBJECTS
    assert set(ANSWER_SUBJECTS) < set(PUBLIC_SUBJECTS)
    assert "writing.committed.*" not in ANSWER_SUBJECTS
