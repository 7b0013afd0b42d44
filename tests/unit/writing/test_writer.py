"""What the writer of a collection does with what comes together, whatever its order."""

from collections.abc import AsyncIterable
from typing import Any

import pytest

from services.writing.handlers.writer import Writer
from shared.bus.messages.outgoing import Outgoing
from shared.bus.registry.writing import MAP_REMOVED
from shared.contracts.batches import FORGOTTEN_KEY, Batch, decode_rows
from shared.contracts.projection import ProjectionModel
from shared.contracts.writing import MapRemoved
from tests.fakes.clock import FrozenClock
from tests.fakes.dataset_store import FakeDatasetStore, FakeModelArchive
from tests.fakes.staging import FakeStaging
from tests.unit.writing.scenes import ids, model, piece, read


class Projection:
    """Takes what leaves the map."""

    def __init__(self, store: FakeDatasetStore) -> None:
        self.taken: list[tuple[str, bool]] = []
        """Batch ids, and whether they are to be forgotten."""
        self.stored: list[list[Any]] = []
        """The rows that were there at each of these times."""
        self._store = store

    async def deliver(self, messages: AsyncIterable[Outgoing]) -> None:
        async for one in messages:
            self.stored.append(await read(self._store, "id"))
            rows = decode_rows(one.body)
            is_forgotten = FORGOTTEN_KEY in (rows.schema.metadata or {})
            self.taken += [(name, is_forgotten) for name in set(rows["batch_id"].to_pylist())]


class World:
    """A writer, its store, and who hears of what leaves it."""

    def __init__(self) -> None:
        self.store = FakeDatasetStore()
        self.projection = Projection(self.store)
        self.writer = Writer(
            "default",
            store=self.store,
            staging=FakeStaging(),
            models=FakeModelArchive(),
            handover=self.projection,
            clock=FrozenClock(),
        )

    async def take(self, *messages: Batch | ProjectionModel) -> list[str]:
        """Have messages written together; return the families of what is told."""
        return [one.channel.family async for step in self.writer.take(messages) for one in step]

    async def outgoing(self, *messages: Batch | ProjectionModel) -> list[Outgoing]:
        """Have messages written together; return what is told."""
        return [one async for step in self.writer.take(messages) for one in step]

    async def told_of(self, *messages: Batch | ProjectionModel) -> list[str]:
        """Have messages written together; return the ids of what is told."""
        return [one.message_id async for step in self.writer.take(messages) for one in step]


def forgotten(source: str) -> Batch:
    empty = piece(source, version=2, rows=0)
    facts = empty.descriptor.model_copy(update={"is_forgotten": True})
    return Batch(facts, empty.rows)


async def test_a_batch_that_comes_before_the_first_model_is_written_with_it() -> None:
    world = World()

    families = await world.take(piece("a"), model(1), piece("b"))

    assert await read(world.store, "id") == ids(piece("a"), piece("b"))
    told = ["map.points", "map.points", "writing.committed"]
    assert families == [*told, "writing.settled"]


async def test_rows_are_there_until_their_vectors_have_left_the_moments() -> None:
    world = World()
    await world.take(model(1), piece("a"))

    await world.take(piece("a", version=2, rows=3))

    assert world.projection.stored == [ids(piece("a"))]
    assert await read(world.store, "id") == ids(piece("a", version=2, rows=3))


@pytest.mark.parametrize("is_together", [True, False])
async def test_what_comes_after_its_source_was_forgotten_is_to_be_forgotten_too(
    is_together: bool,
) -> None:
    world = World()
    await world.take(model(1), piece("a"))

    if is_together:
        await world.take(forgotten("a"), piece("a", index=1))
    else:
        await world.take(forgotten("a"))
        await world.take(piece("a", index=1))

    assert sorted(world.projection.taken) == [("a@1#0", True), ("a@1#1", True)]
    assert await read(world.store, "id") == []


async def test_what_comes_after_its_source_was_replaced_is_only_taken_out() -> None:
    world = World()
    await world.take(model(1), piece("a", version=2))

    await world.take(piece("a"))

    assert world.projection.taken == [("a@1#0", False)]


@pytest.mark.parametrize(
    ("changed", "told_again"), [({}, False), ({"epoch": 7}, True), ({"replays": 1}, True)]
)
async def test_points_that_are_told_again_have_their_commit_told_again(
    changed: dict[str, int], *, told_again: bool
) -> None:
    """The streams drop what they have; without its commit, points would be waited for for ever."""
    world = World()
    facts = piece("a").descriptor.model_copy(update=changed)

    first = await world.told_of(model(1), piece("a"))
    again = await world.told_of(Batch(facts, piece("a").rows))

    assert [one not in first for one in again] == [told_again] * 3


async def test_who_keeps_count_hears_of_a_commit_when_anybody_could() -> None:
    world = World()
    steps = world.writer.take([model(1), piece("a"), piece("b", dimension=5)])

    told = [[one.channel.family for one in step] async for step in steps]

    assert told == [["dead.writing", "map.points", "writing.committed"], ["writing.settled"]]


def left_the_map(steps: list[Outgoing]) -> list[tuple[str, int]]:
    found = [one for one in steps if one.channel is MAP_REMOVED]
    events = [MapRemoved.model_validate_json(one.body) for one in found]
    return [(one.source_id, one.below_version) for event in events for one in event.sources]


@pytest.mark.parametrize("rows", [2, 0], ids=["replaced", "emptied"])
async def test_what_left_the_map_is_told_before_what_takes_its_place(rows: int) -> None:
    world = World()
    first = await world.outgoing(model(1), piece("a"), piece("b"))
    again = await world.outgoing(piece("b"))
    assert left_the_map([*first, *again]) == []

    news = await world.outgoing(piece("a", version=2, rows=rows), piece("c"))
    assert left_the_map(news) == [("a", 2)]
    assert news[0].channel is MAP_REMOVED


@pytest.mark.parametrize("rows", [2, 0], ids=["replaced", "emptied"])
async def test_what_left_the_map_is_told_after_a_crash_too(rows: int) -> None:
    """It is gone when the batch comes again; the stream drops what it has."""
    world = World()
    await world.take(model(1), piece("a"))
    newer = piece("a", version=2, rows=rows)
    told = await world.outgoing(newer)

    again = await world.outgoing(newer)

    assert left_the_map(again) == [("a", 2)]
    assert again[0].message_id == told[0].message_id
    await world.take(piece("a", version=3))
    assert left_the_map(await world.outgoing(newer)) == []
