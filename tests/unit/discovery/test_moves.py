"""Files are moved, replaced and appended to; discovery and writing make of it what is there."""

import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import numpy as np
import pyarrow as pa
import pytest

from services.discovery.adapters.sqlite_state_store import SqliteStateStore
from services.discovery.handlers.ledger import LedgerKeeper
from services.discovery.handlers.listing import ScanOptions
from services.discovery.handlers.recovery import LostBatchRecovery
from services.discovery.handlers.scanner import SourceScanner
from services.discovery.handlers.turns import Room
from services.discovery.loops.first_looks import FirstLooks
from services.discovery.loops.recovering import RecoveryLoop
from services.discovery.loops.scanning import ScanLoop
from shared.bus.messages.outgoing import Outgoing
from shared.clock import SystemClock
from shared.contracts.batches import Batch, decode, vector_field
from shared.contracts.sources import SourceDiscovered
from tests.fakes.source_repository import FakeSourceRepository
from tests.unit.discovery.builders import final, iteration, log
from tests.unit.discovery.test_loops import FakePublisher, FakeTurns
from tests.unit.writing.scenes import DIMENSION, model, place, read
from tests.unit.writing.test_staged import Desk


class Ticking:
    """Every look at it finds it later."""

    def __init__(self) -> None:
        self._now = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        self._now += timedelta(seconds=1)
        return self._now

    def monotonic(self) -> float:
        return 0.0


@dataclass
class World:
    """Discovery with its real ledger, and the rules of writing; a list is the bus."""

    store: SqliteStateStore
    forgets: bool = False
    repository: FakeSourceRepository = field(default_factory=FakeSourceRepository)
    desk: Desk = field(default_factory=Desk)
    clock: Ticking = field(default_factory=Ticking)
    waiting: list[Outgoing] = field(default_factory=list)
    embedded: Counter[str] = field(default_factory=Counter)
    """How often each text was."""
    said: list[str] = field(default_factory=list)
    births: str = "first"
    """When the consumers on the way were made."""

    def start(self) -> None:
        """Begin anew with what is kept."""
        self.publisher = FakePublisher()
        self.publisher.breaks_after = 10**9
        self.events = LedgerKeeper(self.store, self.clock, asyncio.Event())
        scanner = SourceScanner(
            repository=self.repository,
            store=self.store,
            events=self.events,
            room=Room(_nothing),
            clock=self.clock,
            options=ScanOptions(forgets_gone=self.forgets),
        )
        self.scanning = ScanLoop(scanner, self.publisher, FakeTurns(), FirstLooks(SystemClock()))
        self.recovery = LostBatchRecovery(
            "default", self.store, scanner.epochs, in_flight=_nothing, births=self._births
        )

    async def restart(self) -> None:
        self.start()
        await self.publisher.publish_steps(self.events.resume())
        await self.publisher.publish_steps(self.recovery.resume())
        await self.look()

    async def recover(self) -> None:
        """Look once for what the bus has lost."""
        loop = RecoveryLoop(self.recovery, self.publisher, self.scanning.scan, asyncio.Event())
        await loop.recover()
        self._take()

    async def _births(self, _collection: str) -> str:
        return self.births

    async def look(self, *names: str) -> None:
        """Look at everything, or at names that something is told of."""
        changed = frozenset(map(self.repository.path, names)) if names else None
        await self.scanning.scan("default", changed)
        self._take()

    def _take(self) -> None:
        for one in self.publisher.sent:
            if one.body[:1] != b"{":
                self.waiting.append(one)
            else:
                self.said.append(one.channel.family)
        self.publisher.sent.clear()

    async def deliver(self, *messages: Outgoing) -> None:
        """Have writing take a micro-batch, and discovery hear of it."""
        written = await self.desk.write(*(self._embed(decode(one.body)) for one in messages))
        await self.publisher.publish_steps(self.events.settled([written.settled]))
        self._take()

    async def settle(self) -> None:
        """Deliver everything, and look at what was put off, until nothing is left."""
        for _ in range(200):
            some, self.waiting = self.waiting, []
            if some:
                await self.deliver(*some)
            elif self.is_busy:
                await self.put_off()
            else:
                return
        raise AssertionError("it never ends")

    @property
    def is_busy(self) -> bool:
        return bool(self.waiting) or self.events.postponed._has_ended.is_set()

    async def put_off(self) -> None:
        """Look at what was put off, if that has ended."""
        if self.events.postponed._has_ended.is_set():
            await self.scanning.scan("default", await self.events.postponed.take())
            self._take()

    def _embed(self, batch: Batch) -> Batch:
        texts = batch.rows.column("text").to_pylist()
        self.embedded.update(texts)
        vectors = [np.frombuffer(hashlib.sha256(one.encode()).digest(), np.uint32)[:DIMENSION]
                   for one in texts]  # fmt: skip
        flat = np.array(vectors, np.float32).reshape(-1) / 2**32
        kind = vector_field(DIMENSION)
        column = pa.FixedSizeListArray.from_arrays(pa.array(flat), DIMENSION)
        rows = batch.rows.append_column(kind, column)
        return place(Batch(batch.descriptor, rows), model(1).plane(), 1)

    async def rows(self) -> dict[str, list[str]]:
        """Return the texts under each name; an id that is not that of its place is an error."""
        found: dict[str, list[str]] = {}
        columns = "id", "filename", "iteration", "idx_in_iteration", "text"
        for key, name, *numbers, text in await read(self.desk.store, *columns):
            plain = ":".join(map(str, (name, *numbers)))
            assert key == hashlib.sha256(plain.encode()).hexdigest()
            found.setdefault(name, []).append(text)
        return {name: sorted(texts) for name, texts in found.items()}

    def on_the_disk(self) -> dict[str, list[str]]:
        return {
            name: sorted(json.loads(line)["response"] for line in data.splitlines())
            for name, (data, _) in self.repository.contents.items()
        }


async def _nothing(_collection: str) -> int:
    return 0


@asynccontextmanager
async def begun(folder: Path, *, forgets: bool = False) -> AsyncIterator[World]:
    async with SqliteStateStore.open(folder) as store:
        world = World(store, forgets)
        world.start()
        yield world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Have one source mapped."""
    async with begun(tmp_path) as world:
        world.repository.put("a.jsonl", content("first"))
        await world.look()
        await world.settle()
        world.embedded.clear()
        world.said.clear()
        yield world


def content(word: str, records: int = 2) -> bytes:
    return log(*(iteration(n, f"{word} {n}") for n in range(records)), final(99, f"{word} ends"))


def more(word: str) -> bytes:
    return log(final(100, f"{word} goes on"))


async def is_as_on_the_disk(world: World) -> bool:
    return await world.rows() == world.on_the_disk()


@pytest.mark.parametrize("is_told", [True, False], ids=["watch", "everything"])
async def test_a_moved_file_is_neither_read_nor_embedded(world: World, *, is_told: bool) -> None:
    world.repository.rename("a.jsonl", "b.jsonl")
    await world.look(*(["a.jsonl", "b.jsonl"] if is_told else []))

    assert await world.rows() == {"a.jsonl": world.on_the_disk()["b.jsonl"]}
    await world.settle()

    assert await is_as_on_the_disk(world)
    assert not world.embedded
    assert world.desk.retracted == []
    assert world.said == [
        "source.discovered",
        "source.gone",
        "source.completed",
        "source.forgotten",
    ]


async def test_it_is_told_where_a_source_came_from(world: World) -> None:
    world.repository.rename("a.jsonl", "b.jsonl")
    await world.scanning.scan("default", None)
    (event,) = [
        SourceDiscovered.model_validate_json(one.body)
        for one in world.publisher.sent
        if one.channel.family == "source.discovered"
    ]

    assert (event.filename, event.moved_from) == ("b.jsonl", "a.jsonl")


async def test_a_file_that_comes_back_by_a_copy_was_moved(world: World) -> None:
    world.repository.put("other.jsonl", content("other"))
    data, _ = world.repository.contents["a.jsonl"]
    world.repository.remove("a.jsonl")
    world.repository.put("b.jsonl", data)
    await world.look()
    await world.settle()

    assert await is_as_on_the_disk(world)
    assert set(world.embedded) == {"other 0", "other 1", "other ends"}


async def test_a_copy_is_no_move_where_nothing_is_left_of_the_root(world: World) -> None:
    """As when a drive is not mounted: the copy may lie in another root of the collection."""
    data, _ = world.repository.contents["a.jsonl"]
    world.repository.remove("a.jsonl")
    other = world.repository.stat
    world.repository.put("b.jsonl", data)
    elsewhere = other("b.jsonl")
    world.repository.remove("b.jsonl")
    world.repository.extra = [replace(elsewhere, path="/copies/b.jsonl")]
    world.repository.take = lambda _stat: data  # type: ignore[method-assign]
    world.repository.root_of = lambda _path: "/drive"  # type: ignore[method-assign]

    await world.look()
    await world.settle()

    assert set(await world.rows()) == {"a.jsonl", "b.jsonl"}


async def test_two_files_of_equal_content_stay_two(world: World) -> None:
    world.repository.put("b.jsonl", world.repository.contents["a.jsonl"][0])
    await world.look()
    await world.settle()

    assert await is_as_on_the_disk(world)
    assert len(await world.rows()) == 2


async def test_of_two_copies_one_is_moved_and_one_is_read(world: World) -> None:
    world.repository.put("b.jsonl", world.repository.contents["a.jsonl"][0])
    world.repository.rename("a.jsonl", "c.jsonl")
    await world.look()
    await world.settle()

    assert await is_as_on_the_disk(world)
    assert set(world.embedded.values()) == {1}


async def test_a_file_that_grew_as_it_was_moved_has_its_new_lines_read(world: World) -> None:
    world.repository.rename("a.jsonl", "b.jsonl")
    world.repository.put("b.jsonl", world.repository.contents["b.jsonl"][0] + more("it"))
    await world.look()
    await world.settle()

    assert await is_as_on_the_disk(world)
    assert dict(world.embedded) == {"it goes on": 1}


async def test_a_longer_file_is_another_one_if_it_only_begins_alike(world: World) -> None:
    data, _ = world.repository.contents["a.jsonl"]
    world.repository.remove("a.jsonl")
    world.repository.put("b.jsonl", data + more("it"))
    await world.look()
    await world.settle()

    assert len(world.embedded) == 4


async def test_a_move_waits_for_what_is_coming(world: World) -> None:
    world.repository.replace("a.jsonl", content("second", 200))
    await world.look()
    world.repository.rename("a.jsonl", "b.jsonl")
    await world.look()

    await world.settle()

    assert await is_as_on_the_disk(world)
    assert set(world.embedded.values()) == {1}


async def test_what_waits_for_that_is_not_forgotten_for_being_gone(tmp_path: Path) -> None:
    async with begun(tmp_path, forgets=True) as world:
        for name in "ab":
            world.repository.put(f"{name}.jsonl", content(name))
        await world.look()
        world.repository.rename("a.jsonl", "c.jsonl")
        await world.look()
        await world.settle()

        assert await is_as_on_the_disk(world)
        assert set(world.embedded.values()) == {1}


async def test_after_a_crash_it_is_sent_again_and_the_name_before_is_not_forgotten(
    world: World,
) -> None:
    world.repository.rename("a.jsonl", "b.jsonl")
    await world.look()
    world.waiting.clear()

    await world.restart()
    sent = [decode(one.body).descriptor for one in world.waiting]
    await world.settle()

    assert [(one.filename, one.is_forgotten) for one in sent] == [("b.jsonl", False)]
    assert await is_as_on_the_disk(world)


async def test_what_was_moved_while_it_was_read_is_read_under_its_new_name(world: World) -> None:
    """Half of it is on the map: that goes first, so that nothing is there twice."""
    world.repository.put("b.jsonl", content("b", 300))
    world.repository.put("other.jsonl", content("other"))
    await world.look()
    (sent,) = [one for one in world.waiting if decode(one.body).descriptor.index == 1]
    await world.store.requeue(decode(sent.body).descriptor.source_id)
    await world.deliver(sent)
    world.waiting.clear()
    world.repository.rename("b.jsonl", "c.jsonl")

    await world.look()
    await world.settle()
    await world.look()
    await world.settle()

    assert (await world.rows())["c.jsonl"] == world.on_the_disk()["c.jsonl"]
    assert "b.jsonl" not in await world.rows()


async def test_a_file_whose_name_another_one_took_has_moved(world: World) -> None:
    """As logs are rotated."""
    world.repository.rename("a.jsonl", "a.jsonl.1")
    world.repository.put("a.jsonl", content("second"))
    await world.look()
    await world.settle()

    assert await is_as_on_the_disk(world)
    assert set(world.embedded) == {"second 0", "second 1", "second ends"}


@pytest.mark.parametrize("is_told", [True, False], ids=["watch", "everything"])
@pytest.mark.parametrize("seed", range(8))
async def test_files_that_exchange_names_keep_their_rows(
    tmp_path: Path, seed: int, *, is_told: bool
) -> None:
    """By circles and rows of any length, with restarts: each content is whole all the time."""
    dice = Random(seed)  # noqa: S311
    async with begun(tmp_path, forgets=bool(seed % 2)) as world:
        names = [f"{letter}.jsonl" for letter in "abcdefg"[: 2 + seed % 6]]
        for name in names:
            world.repository.put(name, content(name))
        await world.look()
        await world.settle()
        world.embedded.clear()
        contents = sorted((await world.rows()).values())
        for turn in range(3):
            after = dice.sample([*names, f"new-{turn}.jsonl"], len(names))
            permute(world.repository, dict(zip(names, after, strict=True)))
            await world.look(*([*names, *after] if is_told else []))
            while world.waiting:
                await world.deliver(world.waiting.pop(0))
                assert sorted((await world.rows()).values()) == contents
                if dice.random() < 0.2:
                    await world.restart()
                await world.put_off()
            names = after

            assert await is_as_on_the_disk(world), turn
            assert await _balance(world) == {}
        assert not world.embedded
        assert world.desk.retracted == []


async def test_what_was_parked_goes_when_its_file_has_another_content(tmp_path: Path) -> None:
    async with begun(tmp_path) as world:
        for name in ("a.jsonl", "b.jsonl", "c.jsonl"):
            world.repository.put(name, content(name))
        await world.look()
        await world.settle()
        permute(world.repository, {"a.jsonl": "b.jsonl", "b.jsonl": "a.jsonl"})
        await world.look()
        for name in ("a.jsonl", "b.jsonl"):
            world.repository.replace(name, content(f"other {name}"))
        await world.settle()
        await world.look()
        await world.settle()

        assert await is_as_on_the_disk(world)
        assert await _balance(world) == {}


def permute(files: FakeSourceRepository, names: dict[str, str]) -> None:
    """Give files each other's names at once."""
    for name in names:
        files.rename(name, f"{name}.beside")
    for name, after in names.items():
        files.rename(f"{name}.beside", after)


async def test_other_collections_have_their_own(world: World) -> None:
    world.repository.rename("a.jsonl", "b.jsonl")
    world.repository.collection = "other"

    await world.scanning.scan("other", None)

    assert [one for one in world.publisher.families() if "gone" in one] == []


STEPS = ("write", "replace", "append", "move", "move", "move over", "back", "exchange", "exchange",
         "restart", "settle")  # fmt: skip


@pytest.mark.parametrize("seed", range(40))
async def test_whatever_is_done_the_map_is_what_is_there(tmp_path: Path, seed: int) -> None:
    """Batches come late, twice and in any order; each look ends before the next change."""
    dice = Random(seed)  # noqa: S311
    async with begun(tmp_path, forgets=bool(seed % 2)) as world:
        files = world.repository
        files.put("stays.jsonl", content("stays"))
        old: list[Outgoing] = []
        is_plain = True
        for made, step in enumerate(dice.choices(STEPS, k=25), 1):
            names = sorted(files.contents.keys() - {"stays.jsonl"})
            target = f"{made}.jsonl"
            if step == "write" or not names:
                files.put(target, content(f"w{made}", dice.choice([1, 150])))
                touched = [target]
            else:
                name = dice.choice(names)
                touched = [name, target]
                if step == "replace":
                    files.replace(name, content(f"r{made}", dice.choice([1, 150])))
                elif step == "append":
                    files.put(name, files.contents[name][0] + more(f"m{made}"))
                elif step in ("move", "back"):
                    free = [f"{n}.jsonl" for n in range(1, made) if f"{n}.jsonl" not in names]
                    target = dice.choice(free) if step == "back" and free else target
                    files.rename(name, target)
                    touched = [name, target]
                elif step == "move over" and len(names) > 1:
                    target = dice.choice([one for one in names if one != name])
                    files.rename(name, target)
                    touched = [name, target]
                elif step == "exchange":
                    # Who has a newer content coming is not known by its old one any more.
                    is_plain = False
                    touched = dice.sample(names, min(len(names), dice.randint(2, 4)))
                    after = [*touched[1:], touched[0]]
                    permute(files, dict(zip(touched, after, strict=True)))
                elif step == "settle":
                    await world.settle()
            if step == "restart":
                await world.restart()
            await world.look(*(touched if dice.random() < 0.5 else []))
            old += world.waiting
            some = dice.sample(world.waiting, dice.randint(0, len(world.waiting)))
            world.waiting = [one for one in world.waiting if one not in some]
            some += dice.sample(old, min(len(old), dice.randint(0, 3)))
            if some:
                await world.deliver(*some)
            if is_plain:
                await _nothing_twice(world)
        await world.look()
        await world.settle()
        await world.restart()
        await world.settle()
        await world.look()
        await world.settle()
        disk, rows = world.on_the_disk(), await world.rows()

        assert {name: rows.get(name) for name in disk} == disk
        # What was replaced in the same moment as it was moved is kept under its name: it is gone.
        kept = [rows[name] for name in rows.keys() - disk.keys()]
        assert not [texts for texts in kept if texts in disk.values()]
        assert await _balance(world) == {}


async def _nothing_twice(world: World) -> None:
    """A text has one name: each is written once, and its file is moved as a whole."""
    names = Counter(text for texts in (await world.rows()).values() for text in texts)
    assert [text for text, count in names.items() if count > 1] == []


async def _balance(world: World) -> dict[str, tuple[int, int]]:
    """Name the sources whose account is not what is stored."""
    rows = await world.rows()
    return {
        one.filename: (one.mapped, len(rows.get(one.filename, [])))
        for one in await world.store.list_sources()
        if one.mapped != len(rows.get(one.filename, [])) or one.in_flight
    }
