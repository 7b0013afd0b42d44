"""Which folders a command may name, and that nothing else is read."""

import os
from contextlib import aclosing
from pathlib import Path

import pytest

from services.discovery.domain.sources import FolderUnreadable, SourceStat
from services.discovery.formats import build_named, build_repository
from services.discovery.ports import FolderRefusedError
from services.discovery.settings import Settings
from shared.contracts.collections import CollectionRecord, SourceFolder
from tests.unit.discovery.builders import NOW

FINAL = b'{"final_answer": "x"}\n'


class World:
    """A folder of each kind, and discovery's settings for them."""

    def __init__(self, folder: Path, **ingestion: object) -> None:
        self.data = folder / "data"
        for name in ("runs", "new/deep", "other", "out/state"):
            (self.data / name).mkdir(parents=True, exist_ok=True)
        (folder / "secret").mkdir(exist_ok=True)
        (folder / "secret" / "key.jsonl").write_bytes(FINAL)
        settings = Settings.load(
            state={"folder": self.data / "out" / "state"},
            output={"folder": self.data / "out"},
            ingestion={"sources": [{"path": self.data / "runs", "glob": "*.jsonl"}], **ingestion},
        )
        self.repository = build_repository(settings)
        self.named = build_named(settings, self.repository)

    async def admit(
        self, path: Path | str, glob: str = "**/*.jsonl", name: str = "new"
    ) -> tuple[SourceFolder, ...]:
        return await self.named.admit(name, [SourceFolder(path=str(path), glob=glob)])

    async def add(self, path: Path, name: str = "new", glob: str = "**/*.jsonl") -> None:
        record = CollectionRecord(
            id=name, name=name, title=name, revision=1, created_at=NOW,
            sources=await self.admit(path, glob, name),
        )  # fmt: skip
        self.named.add(record)

    async def listed(
        self, changed: frozenset[str] | None = None
    ) -> list[SourceStat | FolderUnreadable]:
        async with aclosing(self.repository.list_sources(changed)) as found:
            return [one async for one in found]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, allowed_roots=[tmp_path / "data"])


async def test_what_lies_below_an_allowed_folder_is_admitted_as_it_is_without_links(
    world: World,
) -> None:
    (world.data / "link").symlink_to(world.data / "new")

    (plain,) = await world.admit(world.data / "new", "*.log")
    (by_link,) = await world.admit(world.data / "link")
    (by_dots,) = await world.admit(f"{world.data}/other/../new/./deep/..")

    assert plain == SourceFolder(path=str(world.data / "new"), glob="*.log")
    assert by_link.path == by_dots.path == str(world.data / "new")


@pytest.mark.parametrize(
    "path", ["../secret", "../secret/key.jsonl", "../nothing", "..", "linked", "../data2", "/etc"]
)
async def test_what_lies_elsewhere_is_refused_whether_it_exists_or_not(
    world: World, path: str
) -> None:
    (world.data / "linked").symlink_to(world.data.parent / "secret")
    (world.data.parent / "data2").mkdir()

    with pytest.raises(FolderRefusedError, match="may not be read: a command may name") as told:
        await world.admit(world.data / path)

    assert str(world.data) in str(told.value)
    assert "ingestion.allowed_roots" in str(told.value)


async def test_without_a_setting_a_command_reads_only_where_the_configuration_does(
    tmp_path: Path,
) -> None:
    world = World(tmp_path)
    (world.data / "runs" / "below").mkdir()

    (found,) = await world.admit(world.data / "runs" / "below")
    with pytest.raises(FolderRefusedError, match="may not be read"):
        await world.admit(world.data / "new")

    assert found.path == str(world.data / "runs" / "below")


async def test_where_nothing_is_allowed_nothing_is_read(tmp_path: Path) -> None:
    world = World(tmp_path, allowed_roots=[])

    with pytest.raises(FolderRefusedError, match="below nothing"):
        await world.admit(world.data / "runs" / "below")


async def test_what_is_not_there_or_is_our_own_is_refused(world: World) -> None:
    with pytest.raises(FolderRefusedError, match="does not exist; make the folder first"):
        await world.admit(world.data / "nothing")
    for own in ("out", "out/state", "out/default"):
        with pytest.raises(FolderRefusedError, match="which this program writes itself"):
            await world.admit(world.data / own)


async def test_a_folder_that_leads_to_no_utf8_is_refused(world: World) -> None:
    odd = world.data / os.fsdecode(b"odd\xff")
    odd.mkdir()
    (world.data / "link").symlink_to(odd)

    with pytest.raises(FolderRefusedError, match="no UTF-8"):
        await world.admit(world.data / "link")


async def test_a_folder_of_another_collection_is_refused_with_both_names(world: World) -> None:
    await world.add(world.data / "new", "first")

    for path in (world.data / "new", world.data / "new" / "deep"):
        with pytest.raises(
            FolderRefusedError, match=r"has files in common with .*/new of collection 'first'"
        ) as told:
            await world.admit(path, name="second")
        assert "another folder for 'second'" in str(told.value)
    with pytest.raises(FolderRefusedError, match="of collection 'default'"):
        await world.admit(world.data / "runs", "**/*.jsonl")
    with pytest.raises(FolderRefusedError, match="of collection"):
        await world.admit(world.data)
    assert await world.admit(world.data / "other", name="second")
    assert await world.admit(world.data, "*.jsonl", name="second")


async def test_two_folders_of_one_wish_do_not_overlap(world: World) -> None:
    both = [SourceFolder(path=str(world.data / one)) for one in ("new", "new/deep")]

    with pytest.raises(FolderRefusedError, match="of collection 'mine'"):
        await world.named.admit("mine", both)


async def test_what_was_added_is_listed_for_its_collection(world: World) -> None:
    await world.add(world.data / "new")
    (world.data / "new" / "deep" / "a.jsonl").write_bytes(FINAL)
    (world.data / "runs" / "b.jsonl").write_bytes(FINAL)

    found = await world.listed()
    partly = await world.listed(frozenset([str(world.data / "new" / "deep" / "a.jsonl")]))

    facts = [(one.collection, one.filename) for one in found if isinstance(one, SourceStat)]
    assert facts == [("default", "b.jsonl"), ("new", "deep/a.jsonl")]
    assert partly == found[1:]
    assert str(world.data / "new") in world.repository.watched_paths
    stat = found[1]
    assert isinstance(stat, SourceStat)
    assert world.repository.format_of(stat)


async def test_a_folder_that_has_become_a_link_to_elsewhere_is_not_read(world: World) -> None:
    """Whoever may write below an allowed folder could have discovery read anything."""
    await world.add(world.data / "new" / "deep")
    (world.data / "new" / "deep").rmdir()
    (world.data / "new" / "deep").symlink_to(world.data.parent / "secret")

    for changed in (None, frozenset([str(world.data / "new" / "deep" / "key.jsonl")])):
        (told,) = await world.listed(changed)
        assert isinstance(told, FolderUnreadable)
        assert "allowed_roots" in told.reason


async def test_a_folder_that_goes_away_is_told_of_and_holds_up_nothing(world: World) -> None:
    await world.add(world.data / "other")
    (world.data / "other").rmdir()
    (world.data / "runs" / "b.jsonl").write_bytes(FINAL)

    found = await world.listed()

    assert [type(one) for one in found] == [SourceStat, FolderUnreadable]
