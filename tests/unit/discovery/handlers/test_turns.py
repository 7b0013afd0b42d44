"""How much each collection may take of what all have together."""

import asyncio
from collections import Counter

import pytest

from services.discovery.handlers.turns import IN_HAND, LARGE_AT_ONCE, OF_ONE, WINDOW, Room, Shares
from tests.waiting import until


class OnTheBus:
    def __init__(self) -> None:
        self.waiting: Counter[str] = Counter()
        self.is_away = False
        self.asked = 0
        self.answers_after_s = self.stores_after_s = 0.0
        self.room = Room(self._waiting)

    async def _waiting(self, collection: str) -> int | None:
        self.asked += 1
        waiting = None if self.is_away else self.waiting[collection]
        await asyncio.sleep(self.answers_after_s)
        return waiting

    async def send(self, collection: str) -> None:
        async with self.room.place(collection, unless=lambda: False) as may_be_sent:
            assert may_be_sent
            await asyncio.sleep(self.stores_after_s)
            self.waiting[collection] += 1

    async def flood(self, collection: str) -> None:
        while True:
            await self.send(collection)


async def test_no_more_of_a_collection_waits_than_may_however_many_send() -> None:
    bus = OnTheBus()
    flood = [asyncio.ensure_future(bus.flood("stuck")) for _ in range(5)]
    await until(lambda: bus.waiting["stuck"] == WINDOW)
    for _ in range(2 * WINDOW):
        await bus.send("busy")
        bus.waiting["busy"] -= 1
    assert bus.waiting["stuck"] == WINDOW

    bus.waiting["stuck"] -= 10
    await until(lambda: bus.waiting["stuck"] == WINDOW)
    bus.waiting["stuck"] -= 10
    for one in flood:
        one.cancel()


@pytest.mark.parametrize("answers_after_s", [0.0, 0.02])
@pytest.mark.parametrize("stores_after_s", [0.001, 0.02])
async def test_what_is_stored_while_the_room_is_asked_for_is_counted(
    answers_after_s: float, stores_after_s: float
) -> None:
    bus = OnTheBus()
    flood = [asyncio.ensure_future(bus.flood("stuck")) for _ in range(5)]
    bus.answers_after_s, bus.stores_after_s = answers_after_s, stores_after_s
    await until(lambda: bus.waiting["stuck"] >= WINDOW)
    for _ in range(3):
        await until(lambda: bus.asked > 1)
        bus.asked = 0
    assert bus.waiting["stuck"] == WINDOW
    for one in flood:
        one.cancel()


async def test_a_batch_of_a_collection_that_was_left_takes_no_place_of_its_namesake() -> None:
    bus = OnTheBus()
    async with bus.room.place("a", unless=lambda: False):
        bus.room.leave("a")
    for _ in range(WINDOW):
        await bus.send("a")
    flood = asyncio.ensure_future(bus.flood("a"))
    await until(lambda: bus.asked > 3)
    flood.cancel()
    assert bus.waiting["a"] == WINDOW


async def test_while_it_is_not_known_how_many_wait_none_is_sent() -> None:
    bus = OnTheBus()
    bus.is_away = True
    sending = asyncio.ensure_future(bus.send("a"))
    await until(lambda: bus.asked > 1)
    assert not sending.done()

    bus.is_away = False
    await sending


async def test_who_waits_for_room_ends_when_it_is_not_wanted_any_more() -> None:
    bus = OnTheBus()
    bus.waiting["a"] = WINDOW
    is_wanted = True

    async def take() -> bool:
        async with bus.room.place("a", unless=lambda: not is_wanted) as may_be_sent:
            return may_be_sent

    taking = asyncio.ensure_future(take())
    await until(lambda: bus.asked > 1)

    is_wanted = False
    assert not await taking


async def test_room_is_asked_for_when_what_was_told_is_used_up() -> None:
    bus = OnTheBus()
    for _ in range(WINDOW):
        await bus.send("a")
    assert bus.asked == 1


async def test_a_collection_that_was_left_is_asked_for_anew() -> None:
    bus = OnTheBus()
    await bus.send("a")
    bus.room.leave("a")
    await bus.send("a")
    assert bus.asked == 2


def test_those_that_look_at_the_same_time_have_equal_shares() -> None:
    shares = Shares()
    assert shares.small_at_once() == OF_ONE

    looking = [shares.looking() for _ in range(2 * IN_HAND)]
    told = []
    for one in looking:
        one.__enter__()
        told.append(shares.small_at_once())
    assert (told[0], told[1], told[9], told[-1]) == (OF_ONE, IN_HAND // 2, IN_HAND // 10, 1)

    for one in looking:
        one.__exit__(None, None, None)
    assert shares.small_at_once() == OF_ONE


async def test_few_large_sources_are_read_at_once_and_small_ones_do_not_wait_for_them() -> None:
    shares, reading, most = Shares(), 0, 0
    go_on = asyncio.Event()

    async def read() -> None:
        nonlocal reading, most
        async with shares.reading(is_large=True):
            reading += 1
            most = max(most, reading)
            await go_on.wait()
            reading -= 1

    async with asyncio.TaskGroup() as group:
        for _ in range(3 * LARGE_AT_ONCE):
            group.create_task(read())
        await until(lambda: reading == LARGE_AT_ONCE)
        async with shares.reading(is_large=False):
            go_on.set()
    assert (reading, most) == (0, LARGE_AT_ONCE)
