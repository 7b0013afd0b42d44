"""Two replicas of a service share collections, on the real server, with real locks."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from nats.js import JetStreamContext

from shared import sharing as shared_sharing
from shared.assignments import Assignments
from shared.bus.topology import apply_topology
from shared.locking import exclusive_owner
from shared.replicas import Replicas
from shared.sharing import Sharing
from tests.integration.assigning import Work, connected, send
from tests.nats_server import NatsServer
from tests.waiting import until

pytestmark = pytest.mark.integration
NAMES = ("one", "other", "third", "fourth")


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_sharing, "LOOK_S", 0.02)
    monkeypatch.setattr(shared_sharing, "ALONE_S", 0.02)


@pytest.fixture
async def works(
    server: NatsServer, js: JetStreamContext, tmp_path: Path
) -> AsyncIterator[Sequence[Work]]:
    async with connected(server, js, tmp_path) as first, connected(server, js, tmp_path) as second:
        await apply_topology(js, NAMES, ack_wait_s=600)
        yield first, second


@asynccontextmanager
async def replica(work: Work) -> AsyncIterator[tuple[Sharing, Assignments]]:
    async with (
        work.assignments.working() as assignments,
        Sharing(assignments, Replicas(work.folder / "replicas")).working() as sharing,
    ):
        await sharing.begin_with(NAMES)
        yield sharing, assignments


async def test_collections_are_shared_while_there_are_two_and_all_are_worked_on_by_one(
    works: Sequence[Work], js: JetStreamContext
) -> None:
    first, second = works
    async with AsyncExitStack() as stack:
        sharing, _ = await stack.enter_async_context(replica(first))
        assert sorted(first.open) == sorted(NAMES)

        async with replica(second) as (other, _):
            await until(lambda: len(first.open) == len(second.open) == 2)
            assert sorted(first.open + second.open) == sorted(NAMES)
            await until(lambda: all(map(other.is_elsewhere, first.open)))
            assert not any(map(other.is_elsewhere, second.open))
            assert (sharing.is_standby, other.is_standby) == (False, False)
            for name in NAMES:
                await send(js, name, name.encode())
            await until(lambda: len(first.seen) + len(second.seen) == len(NAMES))
            assert {name for name, _ in first.seen} == set(first.open)

        await until(lambda: len(first.open) == len(NAMES))
        assert second.open == []


async def test_what_is_in_hand_is_finished_before_another_has_the_collection(
    works: Sequence[Work], js: JetStreamContext
) -> None:
    first, second = works
    async with replica(first) as (_, assignments):
        for name in NAMES:
            await send(js, name, b"long!")
        await until(lambda: len(first.seen) == len(NAMES))
        async with replica(second):
            await until(lambda: len(assignments.names) < len(NAMES))
            given = set(NAMES) - {*assignments.names}
            assert given <= assignments.owned
            assert second.open == []

            first.holds.set()
            await until(lambda: len(second.open) == 2)
            assert second.seen == []  # all of it was acknowledged, nothing came a second time


async def test_one_for_whom_nothing_is_left_stands_by_and_one_that_rests_is_taken_from_nobody(
    works: Sequence[Work],
) -> None:
    first, second = works
    async with replica(first) as (sharing, _), replica(second) as (other, _):
        for name in NAMES[1:]:
            sharing.end(name)
            other.end(name)
        await until(lambda: sharing.is_standby or other.is_standby)
        await until(lambda: first.open + second.open == ["one"])

        for one in (sharing, other):
            one.begin("third", is_configured=False)
        await until(lambda: sorted(first.open + second.open) == ["one", "third"])
        await until(lambda: not sharing.is_standby and not other.is_standby)
        assert len(first.open) == len(second.open) == 1


async def test_one_that_is_left_for_good_is_not_taken_up_again(works: Sequence[Work]) -> None:
    first, _ = works
    async with replica(first) as (sharing, assignments):
        await sharing.leave("one")

        assert "one" not in sharing.names
        async with exclusive_owner(first.folder / "one"):
            await asyncio.sleep(0.1)  # some looks
            assert "one" not in assignments.names
