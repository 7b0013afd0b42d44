"""A version is not read for which there is no room beside the one that it replaces."""

from dataclasses import dataclass, field, replace

import pytest

from services.discovery.domain.space import expected_records, is_to_be_asked
from services.discovery.handlers import accounts
from services.discovery.handlers.found import Found, SourceToRead
from services.discovery.handlers.listing import ScanOptions
from services.discovery.handlers.scan import scan
from services.discovery.ports.space import Space
from shared.contracts.batches import Batch
from shared.contracts.sources import SourceFailed
from tests.fakes.source_repository import FakeSourceRepository
from tests.fakes.state_store import FakeStateStore
from tests.unit.discovery.builders import FrozenClock, end_of, final, iteration, log, read_all

NAME, CLOCK = "a.jsonl", FrozenClock()
MB = 10**6
FULL, EMPTY = Space(100 * MB, 120 * MB), Space(120 * MB, 120 * MB)


@dataclass
class FakeSpace:
    """Knows a place; none: nobody tells."""

    told: Space | None = None
    asked: list[tuple[str, int, int]] = field(default_factory=list)

    async def space_for(self, collection: str, content_bytes: int, records: int) -> Space | None:
        self.asked.append((collection, content_bytes, records))
        return self.told


@dataclass
class Room:
    """A folder with one file, the ledger, and the place of the dataset."""

    space: FakeSpace = field(default_factory=FakeSpace)
    store: FakeStateStore = field(default_factory=FakeStateStore)
    repository: FakeSourceRepository = field(default_factory=FakeSourceRepository)

    async def look(self) -> list[Found]:
        found: list[Found] = []

        async def take(one: Found) -> None:
            found.append(one)

        options = ScanOptions("default", space=self.space)
        await scan(self.repository, self.store, CLOCK, take=take, options=options)
        return found

    async def map(self, content: bytes) -> None:
        """Have a content on the map."""
        self.repository.put(NAME, content)
        (source,) = await self.look()
        assert isinstance(source, SourceToRead)
        version, key = source.source_version, source.stat.source_id
        for piece in await read_all(source, self.repository):
            assert isinstance(piece, Batch)
            facts = piece.descriptor
            await accounts.batch_read(facts, self.store)
            commit = accounts.Commit(facts.batch_id, key, version, len(piece))
            await self.store.apply_committed([commit], CLOCK.now())
        await accounts.source_read(key, version, end_of(source), self.store, CLOCK)

    async def status(self) -> tuple[str, int, int]:
        (row,) = await self.store.list_sources()
        return row.status, row.source_version, row.mapped


def content(word: str, size: int = 400_000) -> bytes:
    return log(iteration(1, word), iteration(2, word[0] * size), final(3, word))


async def test_a_version_without_room_fails_with_both_numbers_and_the_old_one_stays() -> None:
    room = Room()
    await room.map(content("first"))
    room.repository.put(NAME, content("second"))
    room.space.told = FULL

    (failed,) = await room.look()

    assert isinstance(failed, SourceFailed)
    assert "100.0 MB free" in failed.reason
    assert "120.0 MB until" in failed.reason
    assert await room.status() == ("failed", 1, 3)
    ((collection, size, records),) = room.space.asked
    assert (collection, size, records) == ("default", len(content("second")), 3)


async def test_it_is_read_by_itself_when_there_is_room() -> None:
    room = Room()
    await room.map(content("first"))
    room.repository.put(NAME, content("second"))
    room.space.told = FULL
    await room.look()

    room.space.told = EMPTY
    (found,) = await room.look()

    assert isinstance(found, SourceToRead)
    assert (found.source_version, (await room.status())[0]) == (2, "reading")


async def test_a_content_that_is_back_as_it_was_needs_no_room() -> None:
    room = Room(FakeSpace(FULL))
    await room.map(content("first"))
    room.repository.put(NAME, content("second"))
    await room.look()

    room.repository.put(NAME, content("first"))
    await room.look()

    assert await room.status() == ("completed", 1, 3)


async def test_while_nobody_tells_it_is_read() -> None:
    room = Room()
    await room.map(content("first"))
    room.repository.put(NAME, content("second"))

    (found,) = await room.look()

    assert isinstance(found, SourceToRead)
    assert room.space.asked


@pytest.mark.parametrize("what", ["first", "small", "grown"])
async def test_what_does_not_wait_beside_rows_is_not_asked_for(what: str) -> None:
    room = Room(FakeSpace(FULL))
    if what != "first":
        await room.map(content("first"))
    if what == "small":
        room.repository.put(NAME, content("second", 1000))
    elif what == "grown":
        room.repository.put(NAME, content("first") + content("more"))
    else:
        room.repository.put(NAME, content("first"))

    (found,) = await room.look()

    assert isinstance(found, SourceToRead)
    assert room.space.asked == []


async def test_how_many_records_there_will_be_is_told_by_what_was_read_before() -> None:
    room = Room()
    await room.map(content("first"))
    (row,) = await room.store.list_sources()
    size = row.content_size or 0

    assert expected_records(row, 10 * size) == 30
    for unknown in (None, 1000):
        assert expected_records(replace(row, content_size=unknown), 4 << 20) == 1024
    assert is_to_be_asked(replace(row, mapped=0, replaces=3), 1 << 20)
    assert not is_to_be_asked(replace(row, mapped=0), 1 << 20)
