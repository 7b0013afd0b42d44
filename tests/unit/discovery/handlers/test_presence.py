"""Which files are there, by which names, and what becomes of those that are not any more."""

import os
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from services.discovery.adapters.folder_listing import Root
from services.discovery.adapters.folder_source_repository import FolderSourceRepository
from services.discovery.domain.ledger import CommandRef, Commit, SourceRecord
from services.discovery.domain.sources import source_id
from services.discovery.handlers import accounts
from services.discovery.handlers.dry_run import dry_run
from services.discovery.handlers.events import endings
from services.discovery.handlers.found import Found, SourceToRead
from services.discovery.handlers.listing import ScanOptions
from services.discovery.handlers.scan import scan
from services.discovery.handlers.source_locks import SourceLocks
from shared.contracts.batches import Batch
from shared.contracts.sources import SourceGone, SourceReturned
from shared.errors import ConfigurationError
from tests.fakes.state_store import FakeStateStore
from tests.unit.discovery.builders import end_of, final, iteration, log

LOG, OTHER = log(iteration(1, "one"), final()), log(iteration(1, "two"), final())


class Clock:
    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        self.time += timedelta(seconds=1)
        return self.time

    def monotonic(self) -> float:
        return 0.0


class World:
    """Real folders, a ledger, and a pipeline that maps at once what is read."""

    def __init__(self, folder: Path, **root: Any) -> None:
        self.folder = folder
        self.repository = FolderSourceRepository([Root(folder, **root)])
        self.store = FakeStateStore()
        self.clock = Clock()
        self.locks = SourceLocks()

    def put(self, name: str, content: bytes = LOG) -> Path:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        return file

    async def look(self, **order: Any) -> list[str]:
        """Look once, and map what is found; returns what was told, in short."""
        told: list[str] = []

        async def take(found: Found) -> None:
            told.append(await self.settle(found))

        await scan(
            self.repository,
            self.store,
            self.clock,
            take=take,
            options=ScanOptions("default", **order),
            locks=self.locks,
        )
        return sorted(told)

    async def settle(self, found: Found) -> str:
        if isinstance(found, SourceToRead):
            one, version = found.stat.source_id, found.source_version
            await self.store.record_batch(f"{one}:{version}", one, version, 2)
            await self.store.finish_reading(one, version, end_of(found), self.clock.now())
            commit = Commit(f"{one}:{version}", one, version, 2)
            await self.announce(await self.store.apply_committed([commit], self.clock.now()))
            return f"read {found.stat.filename}"
        if isinstance(found, Batch):
            facts = found.descriptor
            commit = Commit(facts.batch_id, facts.source_id, facts.source_version, 0)
            await self.announce(await self.store.apply_committed([commit], self.clock.now()))
            return f"forget {facts.filename}"
        if isinstance(found, SourceGone | SourceReturned):
            await accounts.announced(found, self.store)
            same_as = getattr(found, "same_as", None)
            return f"{found.family[7:]} {found.filename}" + (f" = {same_as}" if same_as else "")
        return type(found).__name__

    async def announce(self, ended: list[SourceRecord]) -> None:
        for event in endings(ended, self.clock):
            await accounts.announced(event, self.store)

    async def on_map(self) -> dict[str, int]:
        rows = await self.store.list_sources()
        return {row.filename: row.mapped for row in rows if row.mapped}

    def row(self, name: str) -> SourceRecord:
        return self.store.sources[source_id("default", name)]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "logs")


async def test_a_link_beside_its_file_is_no_second_source(world: World) -> None:
    world.put("session-3.jsonl")
    (world.folder / "latest.jsonl").symlink_to("session-3.jsonl")
    (world.folder / "a").symlink_to(".")

    assert await world.look() == ["read session-3.jsonl"]
    assert await world.look() == []
    assert (await dry_run(world.repository)).records == 2


async def test_where_a_link_moves_to_another_file_nothing_is_read_again(world: World) -> None:
    for number in (1, 2):
        world.put(f"session-{number}.jsonl")
    link = world.folder / "latest.jsonl"
    link.symlink_to("session-1.jsonl")
    await world.look()
    link.unlink()
    link.symlink_to("session-2.jsonl")

    assert await world.look() == []
    assert await world.look(changed=frozenset([str(link)])) == []


async def test_hard_links_are_one_source_and_equal_copies_are_two(world: World) -> None:
    first = world.put("b.jsonl")
    world.put("copy.jsonl")
    os.link(first, world.folder / "c.jsonl")

    assert await world.look() == ["read b.jsonl", "read copy.jsonl"]


async def test_a_backup_by_hard_links_moves_nothing(world: World) -> None:
    """Its names come before those that are on the map; those stay as long as they are there."""
    world.put("runs/x.jsonl")
    await world.look()
    shutil.copytree(world.folder / "runs", world.folder / "backup", copy_function=os.link)

    assert await world.look() == []
    assert await world.on_map() == {"runs/x.jsonl": 2}


async def test_a_folder_reached_by_a_link_is_read_once(tmp_path: Path) -> None:
    world = World(tmp_path / "logs", glob="*/*.jsonl")
    world.put("run-7/x.jsonl")
    (world.folder / "latest").symlink_to("run-7")

    assert await world.look() == ["read run-7/x.jsonl"]


async def test_the_first_of_several_links_to_a_file_elsewhere_is_its_name(tmp_path: Path) -> None:
    world = World(tmp_path / "logs", links_may_leave=True)
    world.folder.mkdir()
    (tmp_path / "x.jsonl").write_bytes(LOG)
    for name in ("b.jsonl", "a.jsonl"):
        (world.folder / name).symlink_to(tmp_path / "x.jsonl")

    assert await world.look() == ["read a.jsonl"]


async def test_what_was_mapped_by_two_names_is_there_once_after_the_next_look(
    world: World,
) -> None:
    """A ledger of a version that read links as files of their own."""
    world.put("session-3.jsonl")
    latest = world.put("latest.jsonl")
    await world.look()
    latest.unlink()
    latest.symlink_to("session-3.jsonl")

    assert await world.look() == ["forget latest.jsonl", "gone latest.jsonl = session-3.jsonl"]
    assert await world.on_map() == {"session-3.jsonl": 2}
    assert await world.look() == []


async def test_a_name_whose_file_is_not_mapped_yet_stays_until_it_is(world: World) -> None:
    file = world.put("b.jsonl")
    await world.look()
    real = world.put("a.jsonl", log(iteration()))
    file.unlink()
    file.symlink_to(real)

    assert await world.look() == ["gone b.jsonl = a.jsonl"]
    assert await world.on_map() == {"b.jsonl": 2}
    real.write_bytes(OTHER)
    assert await world.look() == ["forget b.jsonl", "read a.jsonl"]


async def test_a_link_seen_by_the_watch_is_judged_by_a_look_at_everything(world: World) -> None:
    world.put("z.jsonl")
    link = world.folder / "a.jsonl"
    link.symlink_to("z.jsonl")

    assert await world.look(changed=frozenset([str(link)])) == ["read z.jsonl"]


async def test_what_is_gone_is_told_once_and_kept(world: World) -> None:
    world.put("a.jsonl").unlink()
    world.put("b.jsonl")
    file = world.put("a.jsonl")
    await world.look()
    file.unlink()

    assert await world.look() == ["gone a.jsonl"]
    assert await world.look() == []
    assert await world.on_map() == {"a.jsonl": 2, "b.jsonl": 2}
    assert await world.store.count_gone("default") == 1


@pytest.mark.parametrize("is_seen_by_watch", [False, True])
async def test_what_comes_back_is_told_and_read_only_if_it_changed(
    world: World, is_seen_by_watch: bool
) -> None:
    world.put("b.jsonl")
    file = world.put("a.jsonl")
    order = {"changed": frozenset([str(file)]) if is_seen_by_watch else None}
    await world.look()
    for content, expected in ((LOG, []), (OTHER, ["read a.jsonl"])):
        file.unlink()
        await world.look()
        file.write_bytes(content)

        assert await world.look(**order) == [*expected, "returned a.jsonl"]
        assert await world.store.count_gone("default") == 0


async def test_what_is_gone_is_forgotten_if_that_is_wished_and_read_when_it_is_back(
    world: World,
) -> None:
    world.put("b.jsonl")
    file = world.put("a.jsonl")
    await world.look(forgets_gone=True)
    file.rename(world.folder.parent / "aside")

    assert await world.look(forgets_gone=True) == ["forget a.jsonl", "gone a.jsonl"]
    assert await world.on_map() == {"b.jsonl": 2}
    assert await world.look(forgets_gone=True) == []
    (world.folder.parent / "aside").rename(file)
    assert await world.look(forgets_gone=True) == ["read a.jsonl", "returned a.jsonl"]
    assert await world.on_map() == {"a.jsonl": 2, "b.jsonl": 2}


async def test_what_somebody_forgot_stays_away_though_it_comes_back(world: World) -> None:
    world.put("b.jsonl")
    file = world.put("a.jsonl")
    await world.look()
    await world.store.forget(world.row("a.jsonl").source_id, CommandRef("k", "c"))
    await world.look()
    file.unlink()
    await world.look(forgets_gone=True)
    file.write_bytes(LOG)

    assert "read a.jsonl" not in await world.look(forgets_gone=True)


async def test_nothing_is_forgotten_when_all_of_a_root_is_gone(world: World) -> None:
    file = world.put("a.jsonl")
    await world.look()
    file.unlink()

    assert await world.look(forgets_gone=True) == ["gone a.jsonl"]
    assert await world.look(forgets_gone=True) == []
    assert await world.on_map() == {"a.jsonl": 2}


async def test_what_no_root_leads_to_any_more_or_cannot_be_seen_is_not_gone(
    world: World, tmp_path: Path
) -> None:
    world.put("x/a.jsonl")
    world.put("b.jsonl")
    await world.look()
    for root in (Root(world.folder, "*.jsonl"), Root(tmp_path / "another")):
        (tmp_path / "another").mkdir(exist_ok=True)
        world.repository = FolderSourceRepository([root])
        assert await world.look(forgets_gone=True) == []
    shutil.rmtree(world.folder)
    world.repository = FolderSourceRepository([Root(world.folder)])

    assert await world.look(forgets_gone=True) == ["FolderUnreadable"]
    assert await world.on_map() == {"b.jsonl": 2, "x/a.jsonl": 2}


async def test_what_a_crash_kept_from_being_told_is_told_at_the_next_start(world: World) -> None:
    file = world.put("a.jsonl")
    await world.look()
    file.unlink()
    gone = {world.row("a.jsonl").source_id: None}
    await world.store.note_gone(gone, world.clock.now())

    (event,) = await accounts.unannounced(world.store, world.clock)
    assert isinstance(event, SourceGone)
    await accounts.announced(event, world.store)
    assert await accounts.unannounced(world.store, world.clock) == []


def keep_facts(file: Path, content: bytes) -> None:
    """Change a content as ``touch -r`` does after it: size and time stay."""
    before = file.stat()
    assert len(content) == before.st_size
    file.write_bytes(content)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


async def test_another_content_of_the_same_size_and_time_is_read(world: World) -> None:
    file = world.put("a.jsonl")
    await world.look()
    keep_facts(file, OTHER)

    assert await world.look() == ["read a.jsonl"]


async def test_another_file_of_the_same_size_and_time_is_read(world: World) -> None:
    file, other = world.put("a.jsonl"), world.put("b.txt", OTHER)
    await world.look()
    os.utime(other, ns=(file.stat().st_atime_ns, file.stat().st_mtime_ns))
    other.rename(file)

    assert await world.look() == ["read a.jsonl"]


async def test_a_deep_check_finds_what_no_fact_tells(world: World) -> None:
    file = world.put("a.jsonl")
    world.put("b.jsonl")
    await world.look()
    file.write_bytes(OTHER)
    now = file.stat()
    key = world.row("a.jsonl").source_id
    world.store.sources[key] = replace(
        world.store.sources[key], mtime_ns=now.st_mtime_ns, ctime_ns=now.st_ctime_ns
    )

    assert await world.look() == []
    assert await world.look(recheck_after=timedelta(hours=1)) == []
    if await world.look(is_deep=True) != ["read a.jsonl"]:
        pytest.fail("a deep check reads everything")
    world.clock.time += timedelta(hours=2)
    before = world.row("b.jsonl").checked_at
    assert await world.look(recheck_after=timedelta(hours=1)) == []
    after = world.row("b.jsonl").checked_at
    assert before is not None
    assert after is not None
    assert after > before


async def test_a_ledger_without_inodes_has_nothing_read_again_and_is_completed(
    world: World,
) -> None:
    file = world.put("a.jsonl")
    await world.look()
    key = world.row("a.jsonl").source_id
    world.store.sources[key] = replace(
        world.store.sources[key], ctime_ns=None, inode=None, checked_at=None
    )

    assert await world.look(recheck_after=timedelta(hours=1)) == []
    row = world.row("a.jsonl")
    assert (row.inode, row.checked_at is None) == (file.stat().st_ino, False)
    keep_facts(file, OTHER)
    assert await world.look() == ["read a.jsonl"]


async def test_a_second_file_of_a_name_is_left_out_and_told_and_ends_nothing(
    tmp_path: Path,
) -> None:
    """Whoever may put a file into one folder must not end the reading of the others."""
    world = World(tmp_path / "a")
    roots = [Root(tmp_path / "b"), Root(world.folder)]
    (tmp_path / "b").mkdir()
    world.repository = FolderSourceRepository(roots)
    world.put("x.jsonl")
    await world.look()
    (tmp_path / "b" / "x.jsonl").write_bytes(OTHER)
    world.put("y.jsonl")

    assert await world.look(is_first=False) == ["FolderUnreadable", "read y.jsonl"]
    assert world.row("x.jsonl").path == str(world.folder / "x.jsonl")
    with pytest.raises(ConfigurationError, match="give their roots"):
        await world.look()


async def test_a_hard_link_that_is_known_needs_no_look_at_everything(world: World) -> None:
    """A writer may keep one for the newest log, and write to it all the time."""
    file = world.put("b.jsonl", log(iteration()))
    os.link(file, world.folder / "a.jsonl")
    await world.look()
    world.put("beside.jsonl")
    file.write_bytes(LOG)
    known = world.folder / "a.jsonl"

    assert await world.look(changed=frozenset([str(known)])) == ["read a.jsonl"]
