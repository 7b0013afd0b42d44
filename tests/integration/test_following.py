"""Services take up what discovery lists, and leave what it lists no more, on the real server."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from nats.js import JetStreamContext

from shared import assignments as shared_assignments
from shared import following as shared_following
from shared.assignments import Assignments
from shared.bus import presence
from shared.bus.reading.collections import Listed
from shared.bus.registry.durables import EMBEDDING_READS_BATCHES
from shared.bus.topology import apply_topology
from shared.contracts.collections import CollectionRecord
from shared.errors import TransientError
from shared.following import Following
from tests.integration.assigning import Work, connected, send
from tests.nats_server import NatsServer
from tests.waiting import ended, until

pytestmark = pytest.mark.integration


def record(name: str, **more: Any) -> CollectionRecord:
    fields = {"origin": "command", "revision": 1, "created_at": datetime(2026, 1, 1, tzinfo=UTC)}
    return CollectionRecord.model_validate(
        {"id": name, "name": name, "title": name, **fields, **more}
    )


@dataclass
class Told:
    """What discovery answers, while it is there."""

    records: list[CollectionRecord] = field(default_factory=list)
    is_away: bool = False
    looks: int = 0
    answers: int = 0
    """Those with a list."""

    async def changed(self, known: str, wait_s: float) -> Listed | None:
        del wait_s
        self.looks += 1
        if self.is_away:
            raise TransientError("discovery does not answer")
        revision = repr(self.records)
        if known == revision:
            return None
        self.answers += 1
        return Listed(revision, list(self.records))


@pytest.fixture
async def work(server: NatsServer, js: JetStreamContext, tmp_path: Path) -> AsyncIterator[Work]:
    async with connected(server, js, tmp_path) as working:
        yield working


@asynccontextmanager
async def followed(
    work: Work, book: Told, *, configured: Sequence[str] = ("one",)
) -> AsyncIterator[tuple[Assignments, Following]]:
    async with work.assignments.working() as assignments:
        for name in configured:
            await assignments.take_up(name).is_ready.wait()
        following = Following(assignments, book, configured)
        running = asyncio.ensure_future(following.run())
        yield assignments, following
        await ended(running)
        assert running.cancelled()


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    for pause in ("WAIT_S", "AGAIN_S", "AFTER_CHANGE_S"):
        monkeypatch.setattr(shared_following, pause, 0.02)


def is_open(work: Work, *names: str) -> Callable[[], bool]:
    return lambda: sorted(work.open) == sorted(names)


async def test_what_is_listed_later_is_taken_up_and_what_is_gone_is_left(
    work: Work, js: JetStreamContext
) -> None:
    book = Told([record("one", origin="configuration")])
    async with followed(work, book):
        await until(lambda: book.looks > 1)
        assert work.open == ["one"]

        book.records.append(record("other"))
        await until(is_open(work, "one", "other"))
        await send(js, "other", b"1")
        await until(lambda: work.seen == [("other", b"1")])

        book.records[1] = record("other", state="deleting", revision=2)
        await until(is_open(work, "one"))
        book.records[1:] = [record("other", id="another")]
        await until(is_open(work, "one", "other"))


async def test_a_new_one_is_taken_up_while_another_is_not_finished(
    work: Work, js: JetStreamContext
) -> None:
    book = Told([record("one"), record("other")])
    async with followed(work, book) as (assignments, _):
        await until(is_open(work, "one", "other"))
        await send(js, "one", b"long!")
        await until(lambda: work.seen == [("one", b"long!")])
        await apply_topology(js, ["new"])

        book.records = [record("other"), record("new"), record("never")]
        await until(is_open(work, "one", "other", "new"))
        assert sorted(assignments.names) == ["never", "new", "other"]
        await send(js, "new", b"2")
        await until(lambda: ("new", b"2") in work.seen)
        assert "one" in work.open

        work.holds.set()
        await until(is_open(work, "other", "new"))


async def test_one_that_comes_back_while_it_is_left_is_open_once_at_a_time(
    work: Work, js: JetStreamContext
) -> None:
    book = Told([record("one")])
    async with followed(work, book):
        await send(js, "one", b"long!", b"next")
        await until(lambda: work.seen == [("one", b"long!")])
        for records in ([], book.records, [], book.records):
            book.records, seen = list(records), book.looks
            await until(lambda seen=seen: book.looks > seen + 1)
            assert work.open == ["one"]

        work.holds.set()
        await until(lambda: ("one", b"next") in work.seen)
        assert work.open == ["one"]
        assert [name for name, _ in work.seen] == ["one", "one"]


async def test_all_goes_on_while_discovery_is_away(work: Work, js: JetStreamContext) -> None:
    book = Told([record("one", origin="configuration"), record("other")], is_away=True)
    async with followed(work, book):
        await until(lambda: book.looks > 3)
        assert work.open == ["one"]

        book.is_away = False
        await until(is_open(work, "one", "other"))
        book.is_away, seen = True, book.looks
        await until(lambda: book.looks > seen + 3)
        await send(js, "other", b"1")
        await until(lambda: ("other", b"1") in work.seen)


async def test_one_that_is_listed_twice_or_no_more_configured_is_as_if_it_were_not(
    work: Work,
) -> None:
    book = Told(
        [record("one", origin="configuration"), record("one"), record("other"),
         record("other"), record("former", origin="configuration")]
    )  # fmt: skip
    async with followed(work, book) as (assignments, _):
        await until(is_open(work, "one", "other"))
        await until(lambda seen=book.looks: book.looks > seen + 1)
        assert assignments.names == ["one", "other"]
        assert sorted(work.open) == ["one", "other"]


async def test_a_list_that_is_known_is_not_answered_again(work: Work) -> None:
    book = Told([record("one")])
    async with followed(work, book) as (_, following):
        await until(lambda: book.looks > 3)
        assert book.answers == 1
        book.records.append(record("never"))
        await until(lambda: book.answers == 2)
        await until(lambda seen=book.looks: book.looks > seen + 2)
        assert book.answers == 2
        assert following.known == repr(book.records)


async def test_what_came_of_the_messages_is_done_before_a_collection_is_left(
    work: Work, js: JetStreamContext
) -> None:
    """Meanwhile it is worked on; who has it left whatever there is to do does not wait."""
    work.finished = asyncio.Event()
    book = Told([record("one"), record("other")])
    async with followed(work, book) as (assignments, _):
        await until(is_open(work, "one", "other"))
        book.records = []
        await until(lambda: assignments.names == [])
        await send(js, "one", b"1")
        await until(lambda: work.seen == [("one", b"1")])
        assert sorted(work.open) == ["one", "other"]

        await assignments.leave("other")
        await until(is_open(work, "one"))
        work.finished.set()
        await until(is_open(work))


async def test_one_that_cannot_be_opened_is_tried_again_and_holds_up_nobody(
    work: Work, js: JetStreamContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_assignments, "AGAIN_S", 0.02)
    await apply_topology(js, ["bad"])
    work.refused.add("bad")
    async with followed(work, Told([record(name) for name in ("one", "bad", "other")])):
        await until(is_open(work, "one", "other"))
        work.refused.clear()
        await until(is_open(work, "one", "other", "bad"))


async def test_one_whose_consumers_are_gone_begins_again_when_there_are_others(
    work: Work, js: JetStreamContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As those of a collection that is deleted, before that was told."""
    monkeypatch.setattr(presence, "WATCH_S", 0.02)
    book = Told([record("one"), record("other")])
    async with followed(work, book):
        await until(is_open(work, "one", "other"))
        await js.delete_consumer("DISCOVERY", EMBEDDING_READS_BATCHES.name("other"))
        await until(is_open(work, "one"))

        await apply_topology(js, ["other"])
        await send(js, "other", b"1")
        await until(lambda: work.seen == [("other", b"1")])
