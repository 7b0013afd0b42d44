import asyncio

import pytest

from services.discovery.adapters.json_lines_format import agent_run_format
from services.discovery.domain.completeness import WhyIncomplete
from services.discovery.domain.segments import Mark
from services.discovery.domain.sources import FolderUnreadable
from services.discovery.handlers.accounts import announced, source_read
from services.discovery.handlers.examine import SMALL_BYTES
from services.discovery.handlers.found import Found, SourceToRead
from services.discovery.handlers.listing import ScanOptions
from services.discovery.handlers.scan import scan
from services.discovery.handlers.turns import OF_ONE
from shared.contracts.sources import SourceFailed
from shared.errors import ConfigurationError, TransientError
from tests.fakes.source_repository import FakeSourceRepository
from tests.fakes.state_store import FakeStateStore
from tests.unit.discovery.builders import FrozenClock, final, iteration, log, looked, stat

CLOCK = FrozenClock()


class World:
    def __init__(self) -> None:
        self.repository = FakeSourceRepository()
        self.store = FakeStateStore()

    async def look(
        self, changed: frozenset[str] | None = None, *, is_first: bool = True
    ) -> list[Found]:
        self.repository.opened.clear()
        return await looked(self.repository, self.store, changed=changed, is_first=is_first)

    async def to_read(self, *, is_first: bool = True) -> list[str]:
        found = await self.look(is_first=is_first)
        return [one.stat.filename for one in found if isinstance(one, SourceToRead)]

    async def complete(self, filename: str, content: bytes) -> None:
        self.repository.put(filename, content)
        await self.to_read()
        found = self.repository.stat(filename)
        version, end = self.store.sources[found.source_id].source_version, Mark(1, found.size)
        for event in await source_read(found.source_id, version, end, self.store, CLOCK):
            await announced(event, self.store)

    def status(self, filename: str) -> str:
        return self.store.sources[stat(filename).source_id].status


@pytest.fixture
def world() -> World:
    return World()


async def test_a_complete_source_is_to_be_read(world: World) -> None:
    world.repository.put("a.jsonl", log(iteration(), final()))

    (found,) = await world.look()
    assert isinstance(found, SourceToRead)
    assert (found.source_version, found.event.source_version) == (1, 1)
    assert found.event.size_bytes == found.stat.size


async def test_an_incomplete_source_waits(world: World) -> None:
    world.repository.put("a.jsonl", log(iteration()))

    assert await world.look() == []
    assert world.status("a.jsonl") == "incomplete"


async def test_an_unchanged_source_is_not_opened(world: World) -> None:
    await world.complete("a.jsonl", log(final()))
    world.repository.put("b.jsonl", log(iteration()))
    await world.look()

    assert await world.look(is_first=False) == []
    assert world.repository.opened == []


async def test_a_touched_source_makes_no_new_version(world: World) -> None:
    await world.complete("a.jsonl", log(final()))
    world.repository.touch("a.jsonl")

    assert await world.look() == []
    assert await world.look() == []
    assert world.repository.opened == []


async def test_a_changed_source_makes_a_new_version(world: World) -> None:
    await world.complete("a.jsonl", log(final()))
    world.repository.put("a.jsonl", log(final(8), final(10)))

    (found,) = await world.look()
    assert isinstance(found, SourceToRead)
    assert found.source_version == 2


async def test_a_source_that_only_grew_makes_no_new_version(world: World) -> None:
    await world.complete("a.jsonl", log(final()))
    world.repository.put("a.jsonl", log(final(), final(10)))

    (found,) = await world.look()
    assert isinstance(found, SourceToRead)
    assert (found.source_version, found.begun.start.byte_offset) == (1, len(log(final())))
    assert (found.event.source_version, found.event.size_bytes) == (1, found.stat.size)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (final(), log(b"", final(10))),
        (log(final()), log(b"\0\0\0\0{}", final(10))),
        (log(final()).decode().encode("utf-16"), log(final(10)).decode().encode("utf-16-le")),
    ],
)
async def test_what_the_end_of_a_source_may_mean_by_what_follows_is_read_again(
    world: World, before: bytes, after: bytes
) -> None:
    await world.complete("a.jsonl", before)
    world.repository.put("a.jsonl", before + after)

    (found,) = await world.look()
    assert isinstance(found, SourceToRead)
    assert found.source_version == 2


async def test_what_was_complete_by_another_limit_stays_so(world: World) -> None:
    """Else a source fails whose last line is longer than the limit of today, half read."""
    world.repository.put("a.jsonl", log(final(1, "x" * 2000)))
    (first,) = await world.look()
    world.repository.format = agent_run_format(1024)

    assert await world.look() == [first]


async def test_a_source_whose_reading_was_interrupted_is_read_again(world: World) -> None:
    world.repository.put("a.jsonl", log(final()))
    (first,) = await world.look()

    assert await world.look() == [first]


async def test_only_what_changed_is_looked_at(world: World) -> None:
    for name in ("a.jsonl", "b.jsonl"):
        world.repository.put(name, log(final()))

    found = await world.look(frozenset([world.repository.path("b.jsonl")]))
    assert [one.stat.filename for one in found if isinstance(one, SourceToRead)] == ["b.jsonl"]


async def test_an_unreadable_source_fails_and_the_others_go_on(world: World) -> None:
    for name in ("a.jsonl", "b.jsonl"):
        world.repository.put(name, log(final()))
    world.repository.unreadable.add("a.jsonl")

    failed, to_read = await world.look()
    assert isinstance(failed, SourceFailed)
    assert "make it readable" in failed.reason
    assert isinstance(to_read, SourceToRead)


async def test_a_failure_is_told_once(world: World) -> None:
    world.repository.put("a.jsonl", log(final()))
    world.repository.unreadable.add("a.jsonl")
    (event,) = await world.look()
    assert await world.look() == [event]

    assert isinstance(event, SourceFailed)
    await announced(event, world.store)
    assert await world.look() == []


async def test_a_source_that_became_readable_is_read(world: World) -> None:
    world.repository.put("a.jsonl", log(final()))
    world.repository.unreadable.add("a.jsonl")
    await world.look()
    world.repository.unreadable.clear()

    assert await world.to_read() == ["a.jsonl"]


async def test_a_source_that_went_away_while_it_was_read_fails(world: World) -> None:
    world.repository.put("a.jsonl", log(final()))
    await world.look()
    world.repository.remove("a.jsonl")

    (event,) = await world.look()
    assert isinstance(event, SourceFailed)
    assert "went away" in event.reason


@pytest.mark.parametrize("why", ["changed_lately", "no_sidecar"])
async def test_what_the_file_does_not_show_is_asked_at_every_look(
    world: World, why: WhyIncomplete
) -> None:
    world.repository.put("a.jsonl", log(final()))
    world.repository.waiting["a.jsonl"] = why
    assert await world.look() == []
    assert world.status("a.jsonl") == "incomplete"

    world.repository.waiting.clear()

    assert await world.to_read(is_first=False) == ["a.jsonl"]


async def test_an_incomplete_source_is_judged_anew_when_discovery_starts(world: World) -> None:
    """By then, the configuration may say otherwise when it is complete."""
    world.repository.put("a.jsonl", log(iteration()))
    assert await world.look() == []
    world.repository.format = agent_run_format(complete_when="any_line")

    assert await world.to_read(is_first=False) == []
    assert await world.to_read() == ["a.jsonl"]


async def test_an_incomplete_source_that_went_away_is_forgotten(world: World) -> None:
    world.repository.put("a.jsonl", log(iteration()))
    await world.look()
    world.repository.remove("a.jsonl")
    await world.look()

    assert world.store.sources == {}


async def test_nothing_is_forgotten_while_a_folder_cannot_be_listed(world: World) -> None:
    world.repository.put("a.jsonl", log(iteration()))
    await world.look()
    world.repository.remove("a.jsonl")
    problem = FolderUnreadable("default", "/fake", "I/O error")
    world.repository.unlisted.append(problem)

    assert await world.look() == [problem]
    assert world.status("a.jsonl") == "incomplete"


async def test_two_sources_of_one_name_are_refused(world: World) -> None:
    world.repository.put("a.jsonl", log(final()))
    world.repository.extra.append(stat("a.jsonl", path="/other/a.jsonl"))

    with pytest.raises(ConfigurationError, match=r"/fake/a.jsonl and /other/a.jsonl"):
        await world.look()


async def test_a_partial_look_leaves_a_source_from_elsewhere_alone(world: World) -> None:
    await world.complete("a.jsonl", log(final()))
    world.repository.remove("a.jsonl")
    world.repository.extra.append(stat("a.jsonl", path="/other/a.jsonl", mtime_ns=99))

    assert await world.look(frozenset(["/other/a.jsonl"])) == []
    assert world.repository.opened == []


async def test_a_full_ledger_disk_is_told(world: World) -> None:
    world.repository.put("a.jsonl", log(final()))
    world.store.failures = 1

    with pytest.raises(TransientError):
        await world.look()
    assert await world.to_read() == ["a.jsonl"]


async def at_once(world: World) -> int:
    """Look, and return how many sources were in hand at the same time at most."""
    in_hand, most = 0, 0

    async def take(_found: Found) -> None:
        nonlocal in_hand, most
        in_hand += 1
        most = max(most, in_hand)
        for _ in range(100):
            await asyncio.sleep(0)
        in_hand -= 1

    await scan(world.repository, world.store, CLOCK, take=take, options=ScanOptions("default"))
    assert in_hand == 0
    return most


async def test_small_sources_are_taken_many_at_once(world: World) -> None:
    for number in range(3 * OF_ONE):
        world.repository.put(f"{number:03}.jsonl", log(final()))

    assert await at_once(world) == OF_ONE


async def test_large_sources_are_taken_one_by_one(world: World) -> None:
    """Each may hold lines that take all the memory there is for them."""
    for number in range(3):
        world.repository.put(f"{number}.jsonl", log(iteration(1, "x" * SMALL_BYTES), final()))

    assert await at_once(world) == 1


async def test_no_source_waits_for_one_that_takes_longer_than_itself(world: World) -> None:
    """A flood of rubbish, or a huge log, holds up nobody who is listed after it."""
    for name, size in (("a", 3), ("b", 2), ("c", 0), ("d", 1), ("e", 0)):
        text = "x" * (size * SMALL_BYTES)
        world.repository.put(f"{name}.jsonl", log(iteration(1, text), final()))

    assert [name[0] for name in await world.to_read()] == ["c", "e", "d", "b", "a"]


async def test_a_ledger_that_fails_for_one_of_many_ends_the_look(world: World) -> None:
    for number in range(5):
        world.repository.put(f"{number}.jsonl", log(final()))
    world.store.failures = 1

    with pytest.raises(TransientError):
        await world.look()
    assert len(await world.to_read()) == 5
