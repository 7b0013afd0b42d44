"""Links in a folder of logs: who may put a file there must not read others by discovery."""

from contextlib import aclosing
from pathlib import Path

import pytest

from services.discovery.adapters.folder_listing import Root
from services.discovery.adapters.folder_source_repository import FolderSourceRepository
from services.discovery.domain.sources import SourceStat
from services.discovery.handlers.contents import why_incomplete
from services.discovery.ports import SourceUnreadableError

SECRET = b'{"final_answer": "secret"}\n'


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    file = tmp_path / "root-beside" / "secret.jsonl"
    file.parent.mkdir()
    file.write_bytes(SECRET)
    return file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    (folder / "sub").mkdir(parents=True)
    return folder


async def contents(root: Root) -> list[bytes]:
    """Read everything that is found."""
    repository = FolderSourceRepository([root])
    async with aclosing(repository.list_sources()) as found:
        stats = [one async for one in found if isinstance(one, SourceStat)]
    read: list[bytes] = []
    for stat in stats:
        assert await why_incomplete(stat, repository) is None
        content = repository.open(stat)
        read.append(content.read(1 << 20))
        content.close()
    return read


async def test_a_link_that_leads_out_is_refused_with_the_remedy(
    folder: Path, outside: Path
) -> None:
    (folder / "a.jsonl").symlink_to(outside)

    with pytest.raises(SourceUnreadableError, match="links_may_leave"):
        await contents(Root(folder))
    assert await contents(Root(folder, links_may_leave=True)) == [SECRET]


async def test_a_folder_that_leads_out_is_no_way_round(folder: Path, outside: Path) -> None:
    (folder / "link").symlink_to(outside.parent)

    with pytest.raises(SourceUnreadableError, match="leads out"):
        await contents(Root(folder, "*/*.jsonl"))


async def test_links_that_stay_inside_are_followed(folder: Path) -> None:
    (folder / "sub" / "real.log").write_bytes(SECRET)
    (folder / "a.jsonl").symlink_to(folder / "sub" / "real.log")

    assert await contents(Root(folder)) == [SECRET]


async def test_the_folder_itself_may_be_a_link(folder: Path, tmp_path: Path) -> None:
    (folder / "a.jsonl").write_bytes(SECRET)
    (tmp_path / "link").symlink_to(folder)

    assert await contents(Root(tmp_path / "link")) == [SECRET]


async def test_a_file_that_is_named_may_be_a_link(outside: Path, tmp_path: Path) -> None:
    (tmp_path / "named.jsonl").symlink_to(outside)

    assert await contents(Root(tmp_path / "named.jsonl")) == [SECRET]


async def test_a_file_that_became_a_link_after_the_look_is_refused(
    folder: Path, outside: Path
) -> None:
    """The place is judged by the open file, so there is no moment in between."""
    file = folder / "a.jsonl"
    file.write_bytes(SECRET)
    repository = FolderSourceRepository([Root(folder)])
    async with aclosing(repository.list_sources()) as found:
        (stat,) = [one async for one in found if isinstance(one, SourceStat)]
    file.unlink()
    file.symlink_to(outside)

    with pytest.raises(SourceUnreadableError, match="leads out"):
        await why_incomplete(stat, repository)
