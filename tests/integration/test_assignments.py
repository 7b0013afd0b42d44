"""Collections that are taken up and left while a service runs, on the real server."""

import asyncio
import gc
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from nats.js import JetStreamContext

from shared.bus.registry.durables import EMBEDDING_READS_BATCHES
from shared.bus.topology import apply_topology
from shared.contracts.status_reading import STANDBY
from shared.errors import ConfigurationError
from shared.locking import exclusive_owner
from shared.observability import metrics
from shared.observability.instruments import render
from tests.integration.assigning import Work, connected, send
from tests.nats_server import NatsServer
from tests.waiting import PATIENCE_S, until

pytestmark = pytest.mark.integration


@pytest.fixture
async def work(server: NatsServer, js: JetStreamContext, tmp_path: Path) -> AsyncIterator[Work]:
    async with connected(server, js, tmp_path) as working:
        yield working


async def test_one_is_left_while_the_other_goes_on_and_is_taken_up_again(
    work: Work, js: JetStreamContext
) -> None:
    async with work.assignments.working() as assignments:
        for name in ("one", "other"):
            await assignments.take_up(name).is_ready.wait()
        await send(js, "one", b"1")
        await send(js, "other", b"2")
        await until(lambda: len(work.seen) == 2)

        await assignments.leave("one")
        assert (work.open, work.looping) == (["other"], ["other"])
        await send(js, "one", b"3")
        await send(js, "other", b"4")
        await until(lambda: ("other", b"4") in work.seen)
        assert ("one", b"3") not in work.seen

        await assignments.take_up("one").is_ready.wait()
        await until(lambda: ("one", b"3") in work.seen)

    assert (work.open, work.looping) == ([], [])


async def test_who_is_taken_up_already_is_not_opened_twice(work: Work) -> None:
    async with work.assignments.working() as assignments:
        first = assignments.take_up("one")
        await first.is_ready.wait()
        assert assignments.take_up("one") is first
        assert work.open == ["one"]


async def test_what_is_in_hand_is_finished_before_a_collection_is_left(
    work: Work, js: JetStreamContext
) -> None:
    async with work.assignments.working() as assignments:
        await assignments.take_up("one").is_ready.wait()
        await send(js, "one", b"long!", b"next")
        await until(lambda: work.seen == [("one", b"long!")])

        leaving = asyncio.ensure_future(assignments.leave("one"))
        await asyncio.sleep(0)
        work.holds.set()
        await leaving

    consumer = await js.pull_subscribe_bind(EMBEDDING_READS_BATCHES.name("one"), "DISCOVERY")
    (given_back,) = await consumer.fetch(1, timeout=PATIENCE_S)
    assert given_back.data == b"next"
    assert (await js.stream_info("DISCOVERY")).state.messages == 1


async def test_nothing_of_a_collection_that_was_left_stays_in_memory_or_metrics(
    work: Work, js: JetStreamContext
) -> None:
    async with work.assignments.working() as assignments:
        for _ in range(3):
            await assignments.take_up("one").is_ready.wait()
            await send(js, "one", b"1")
            await until(lambda: bool(work.seen))
            work.seen.clear()
            assert 'collection="one"' in render().decode()
            await assignments.leave("one")
        gc.collect()
        assert [one() for one in work.routers] == [None] * 3
        assert work.bus.broker.routers == []
        assert 'collection="one"' not in render().decode()

        metrics.FAILURES.add(stage="embedding", collection="one", family="x", reason="transient")
        assert 'collection="one"' not in render().decode()


async def test_a_folder_of_another_keeps_one_waiting_and_not_the_other(work: Work) -> None:
    async with work.assignments.working() as assignments:
        async with exclusive_owner(work.folder / "one"):
            waiting = assignments.take_up("one")
            await assignments.take_up("other").is_ready.wait()
            assert not waiting.is_ready.is_set()
            assert STANDBY in work.told

        await waiting.is_ready.wait()
        await assignments.leave("one")
        async with asyncio.timeout(PATIENCE_S), exclusive_owner(work.folder / "one"):
            pass


async def test_a_consumer_that_is_made_later_is_waited_for(
    work: Work, js: JetStreamContext
) -> None:
    async with work.assignments.working() as assignments:
        late = assignments.take_up("late")
        await assignments.take_up("one").is_ready.wait()
        assert not late.is_ready.is_set()

        await apply_topology(js, ["late"])
        await send(js, "late", b"1")
        await until(lambda: work.seen == [("late", b"1")])


async def test_one_that_waits_is_left_at_once(work: Work) -> None:
    async with work.assignments.working() as assignments:
        waiting = assignments.take_up("never")
        await assignments.leave("never")

        assert waiting.work.cancelled()
        assert work.open == []


async def test_one_that_fails_ends_all_and_gives_back_what_they_had(
    work: Work, js: JetStreamContext
) -> None:
    async def go_on() -> None:
        async with work.assignments.working() as assignments:
            for name in ("one", "other"):
                await assignments.take_up(name).is_ready.wait()
            await send(js, "one", b"fail")
            await asyncio.Event().wait()

    with pytest.raises(ExceptionGroup) as failure:
        await go_on()

    assert failure.group_contains(ConfigurationError, match="one cannot go on")
    assert (work.open, work.looping) == ([], [])
    consumer = await js.pull_subscribe_bind(EMBEDDING_READS_BATCHES.name("one"), "DISCOVERY")
    (again,) = await consumer.fetch(1, timeout=PATIENCE_S)
    assert again.data == b"fail"
