"""Whatever is in a folder, and however deep: it is listed, or passed over by name."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import pytest

from services.discovery.adapters.folder_listing import Root
from services.discovery.adapters.folder_source_repository import FolderSourceRepository
from services.discovery.domain.sources import FolderUnreadable, SourceStat
from services.discovery.handlers.contents import why_incomplete
from shared.errors import ConfigurationError

FINAL = b'{"final_answer": "x"}\n'


async def listed(repository: FolderSourceRepository) -> list[SourceStat | FolderUnreadable]:
    async with aclosing(repository.list_sources()) as found:
        return [one async for one in found]


async def names(
    root: Path, *own: Path, output: Path | None = None, glob: str = "**/*.jsonl"
) -> list[str]:
    repository = FolderSourceRepository([Root(root, glob)], own=own, output=output)
    return [getattr(one, "filename", "?") for one in await listed(repository)]


def put(file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(FINAL)
    return file


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder that may be nested more deeply than Python's own clearing can take."""
    folder = tmp_path / "root"
    folder.mkdir()
    yield folder
    subprocess.run(["/bin/rm", "-rf", str(folder)], check=True)


def nest(folder: Path, depth: int) -> None:
    """Make folders in folders, with a log in the last one."""
    before = os.open(".", os.O_RDONLY)
    try:
        os.chdir(folder)
        for _ in range(depth):
            os.mkdir("d")  # noqa: PTH102  relative on purpose: the whole path is too long
            os.chdir("d")
        Path("deep.jsonl").write_bytes(FINAL)
    finally:
        os.fchdir(before)
        os.close(before)


async def test_a_folder_may_be_nested_more_deeply_than_python_calls(folder: Path) -> None:
    nest(folder, 1200)
    put(folder / "z.jsonl")

    assert await names(folder) == ["d/" * 1200 + "deep.jsonl", "z.jsonl"]


async def test_what_is_too_deep_for_the_system_is_told_and_the_rest_goes_on(folder: Path) -> None:
    nest(folder, 2500)
    put(folder / "z.jsonl")
    repository = FolderSourceRepository([Root(folder)])

    told, found = await listed(repository)
    assert isinstance(told, FolderUnreadable)
    assert told.reason == "File name too long"
    assert told.path.startswith(f"{folder}/d/d")
    assert isinstance(found, SourceStat)


async def test_a_chain_of_links_as_long_as_you_like_is_passed_over(folder: Path) -> None:
    put(folder / "z.jsonl")
    before = "z.jsonl"
    for number in range(1500):
        (folder / f"{number:04}.jsonl").symlink_to(before)
        before = f"{number:04}.jsonl"

    found = await names(folder, folder / "own")
    assert found[-1] == "z.jsonl"
    assert len(found) < 60


NAMES = [b"\xff", b"\\xff", b"a\nb", b" ", b"$(x)", b"\xed\xa0\x80"]


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
async def test_a_root_may_have_any_name(tmp_path: Path, name: bytes) -> None:
    root = tmp_path / os.fsdecode(name)
    put(root / os.fsdecode(name + b".jsonl"))
    repository = FolderSourceRepository([Root(root)])
    await repository.check()

    (found,) = await listed(repository)
    assert isinstance(found, SourceStat)
    assert await why_incomplete(found, repository) is None
    assert found.filename.encode()


async def test_what_the_program_writes_is_no_source_by_whatever_name(tmp_path: Path) -> None:
    root, output = tmp_path / "runs", tmp_path / "runs" / "x" / "out"
    state, mine = output / "state", output / "default"
    for file in (root / "a.jsonl", output / "b.jsonl", state / "c.jsonl", mine / "emptied.jsonl"):
        put(file)
    (root / "link").symlink_to(output)
    (root / "inside").symlink_to(mine)
    (root / "x" / "file.jsonl").symlink_to(mine / "emptied.jsonl")

    for glob in ("**/*.jsonl", "*/*.jsonl", "*/*/*.jsonl", "*"):
        found = await names(root, state, mine, output=output, glob=glob)
        assert found == (["a.jsonl"] if glob in ("**/*.jsonl", "*") else [])


async def test_logs_beside_the_map_are_read_if_their_folder_is_named(tmp_path: Path) -> None:
    output = tmp_path / "out"
    put(output / "logs" / "a.jsonl")
    put(output / "default" / "emptied.jsonl")
    (output / "logs" / "b.jsonl").symlink_to(output / "logs" / "a.jsonl")

    assert await names(output / "logs", output / "default", output=output) == [
        "a.jsonl",
        "b.jsonl",
    ]
    assert await names(output, output / "default", output=output) == [
        "logs/a.jsonl",
        "logs/b.jsonl",
    ]


async def test_a_map_of_another_run_is_no_source(tmp_path: Path) -> None:
    put(tmp_path / "old" / "default" / "emptied.jsonl")
    (tmp_path / "old" / "default" / "store.lance").mkdir()
    (tmp_path / "old" / "default" / "format.json").touch()
    put(tmp_path / "old" / "logs" / "a.jsonl")

    assert await names(tmp_path) == ["old/logs/a.jsonl"]


@pytest.mark.parametrize("part", [".", "models"])
async def test_a_root_that_the_program_writes_is_refused(tmp_path: Path, part: str) -> None:
    mine = tmp_path / "default"
    (mine / "models").mkdir(parents=True)
    (tmp_path / "link").symlink_to(mine / part)
    repository = FolderSourceRepository([Root(tmp_path / "link")], own=[mine])

    with pytest.raises(ConfigurationError, match="which this program writes itself"):
        await repository.check()


async def test_a_parent_of_a_links_folder_is_that_of_where_it_leads(tmp_path: Path) -> None:
    put(tmp_path / "real" / "logs" / "a.jsonl")
    (tmp_path / "real" / "sub").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real" / "sub")

    assert await names(tmp_path / "link" / ".." / "logs") == ["a.jsonl"]


async def test_a_root_that_is_a_link_is_followed_anew_at_every_look(tmp_path: Path) -> None:
    for name in ("one", "two"):
        put(tmp_path / name / f"{name}.jsonl")
    link = tmp_path / "latest"
    link.symlink_to("one")
    repository = FolderSourceRepository([Root(link)])
    before = [getattr(one, "filename", "?") for one in await listed(repository)]
    link.unlink()
    link.symlink_to("two")

    assert before == ["one.jsonl"]
    assert [getattr(one, "filename", "?") for one in await listed(repository)] == ["two.jsonl"]


@pytest.mark.parametrize(
    ("glob", "path", "expected"),
    [
        ("**/*.jsonl", "a.jsonl", True),
        ("**/*.jsonl", "x/y/a.jsonl", True),
        ("**/*.jsonl", "a.txt", False),
        ("*.jsonl", "x/a.jsonl", False),
        ("x/*", "x/a.jsonl", True),
        ("**/*.jsonl", "../beside/a.jsonl", False),
    ],
)
async def test_the_root_of_a_path_is_known_without_the_file(
    tmp_path: Path, glob: str, path: str, expected: object
) -> None:
    root = tmp_path / "root"
    repository = FolderSourceRepository([Root(root, glob)])

    found = repository.root_of(os.path.normpath(root / path))
    assert (found == str(root)) is expected
