import os
from collections.abc import Callable, Iterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from services.discovery.adapters.folder_listing import Root
from services.discovery.adapters.folder_source_repository import FolderSourceRepository
from services.discovery.domain.completeness import Completion
from services.discovery.domain.sources import FolderUnreadable
from services.discovery.handlers.contents import why_incomplete
from services.discovery.ports import SourceUnreadableError
from shared.errors import ConfigurationError
from tests.unit.discovery.builders import stat

NOBODY = 65534


@pytest.fixture
def bare_folder() -> Iterator[Path]:
    """A folder of somebody who may not read everything, even if root runs the test."""
    with TemporaryDirectory() as folder:
        is_root = os.geteuid() == 0
        if is_root:
            os.chown(folder, NOBODY, NOBODY)
            os.seteuid(NOBODY)
        try:
            yield Path(folder)
        finally:
            if is_root:
                os.seteuid(0)


def repository(*roots: Root) -> FolderSourceRepository:
    return FolderSourceRepository(roots)


async def listed(*roots: Root, changed: frozenset[str] | None = None) -> list:
    async with aclosing(repository(*roots).list_sources(changed)) as found:
        return [one async for one in found]


async def names(*roots: Root, changed: frozenset[str] | None = None) -> list[str]:
    return [getattr(one, "filename", one) for one in await listed(*roots, changed=changed)]


def touch(file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"{}\n")
    return file


async def test_only_collections_are_asked_to_look_of_which_something_may_have_changed(
    tmp_path: Path,
) -> None:
    a, b, link = tmp_path / "a", tmp_path / "ab", tmp_path / "link"
    for folder in (a, b):
        touch(folder / "x.jsonl")
    link.symlink_to(a)
    beside = Completion("sidecar", sidecar=".done")
    roots = repository(
        Root(a, collection="a"),
        Root(b / "x.jsonl", collection="b", completion=beside),
        Root(link, collection="l"),
    )

    async def at(*paths: Path) -> set[str]:
        return await roots.collections_at(frozenset(map(str, paths)))

    assert await at(a / "deep" / "y.jsonl") == {"a", "l"}
    assert await at(b / "x.jsonl") == await at(b / "x.jsonl.done") == {"b"}
    assert await at(b / "other", tmp_path.parent / "elsewhere") == set()
    assert await at(tmp_path) == {"a", "b", "l"}


async def test_what_is_listed_is_of_the_collection_that_is_asked_for(tmp_path: Path) -> None:
    for name in "ab":
        touch(tmp_path / name / f"{name}.jsonl")
    roots = repository(*(Root(tmp_path / name, collection=name) for name in "ab"))

    async with aclosing(roots.list_sources(collection="b")) as found:
        assert [getattr(one, "filename", one) async for one in found] == ["b.jsonl"]


async def test_only_regular_files_that_match_are_sources(tmp_path: Path) -> None:
    touch(tmp_path / "a.jsonl")
    touch(tmp_path / "a.jsonl.gz")
    (tmp_path / "folder.jsonl").mkdir()
    os.mkfifo(tmp_path / "pipe.jsonl")

    assert await names(Root(tmp_path)) == ["a.jsonl"]


async def test_a_root_may_be_a_single_file(tmp_path: Path) -> None:
    file = touch(tmp_path / "x" / "a.txt")

    assert await names(Root(file)) == ["a.txt"]
    assert await names(Root(file), changed=frozenset([str(file)])) == ["a.txt"]


async def test_links_to_files_are_followed_and_links_in_circles_are_survived(
    tmp_path: Path,
) -> None:
    touch(tmp_path / "elsewhere" / "a.jsonl")
    root = tmp_path / "root"
    root.mkdir()
    (root / "b.jsonl").symlink_to(tmp_path / "elsewhere" / "a.jsonl")
    (root / "circle").symlink_to(root)
    (root / "self.jsonl").symlink_to(root / "self.jsonl")
    (root / "nowhere.jsonl").symlink_to(tmp_path / "gone")

    assert await names(Root(root)) == ["b.jsonl"]


async def test_a_named_part_of_the_pattern_follows_links(tmp_path: Path) -> None:
    touch(tmp_path / "elsewhere" / "a.jsonl")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")

    assert await names(Root(tmp_path, "link/*.jsonl")) == ["link/a.jsonl"]


async def test_a_name_that_is_no_utf8_is_shown_and_can_be_read(tmp_path: Path) -> None:
    touch(tmp_path / os.fsdecode(b"\xff.jsonl"))

    (found,) = await listed(Root(tmp_path))
    assert found.filename == "\\xff.jsonl"
    content = repository().open(found)
    assert content.read(10) == b"{}\n"
    content.close()


async def test_two_roots_of_the_same_file_list_it_once(tmp_path: Path) -> None:
    touch(tmp_path / "a.jsonl")

    assert await names(Root(tmp_path), Root(tmp_path)) == ["a.jsonl"]


async def test_many_sources_are_listed_in_order(tmp_path: Path) -> None:
    for number in range(600):
        touch(tmp_path / f"{number:03}.jsonl")

    assert await names(Root(tmp_path)) == [f"{number:03}.jsonl" for number in range(600)]


async def test_what_changed_is_found_below_a_root_that_is_a_link(tmp_path: Path) -> None:
    file = touch(tmp_path / "real" / "x" / "a.jsonl")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    changed = frozenset([str(file), str(tmp_path / "link" / "x" / "a.jsonl"), "/elsewhere"])

    assert await names(Root(tmp_path / "link"), changed=changed) == ["x/a.jsonl"]


async def test_what_changed_but_does_not_match_is_not_listed(tmp_path: Path) -> None:
    files = [touch(tmp_path / "a.txt"), touch(tmp_path / "x" / "a.jsonl")]

    assert await names(Root(tmp_path, "*.jsonl"), changed=frozenset(map(str, files))) == []


async def test_a_new_folder_is_listed_with_all_below(tmp_path: Path) -> None:
    touch(tmp_path / "new" / "x" / "a.jsonl")

    assert await names(Root(tmp_path), changed=frozenset([str(tmp_path / "new")])) == [
        "new/x/a.jsonl"
    ]


async def test_a_root_that_went_away_is_told_of_and_the_others_go_on(tmp_path: Path) -> None:
    touch(tmp_path / "there" / "a.jsonl")

    missing, found = await listed(Root(tmp_path / "gone"), Root(tmp_path / "there"))
    assert missing == FolderUnreadable(
        "default", str(tmp_path / "gone"), "No such file or directory"
    )
    assert found.filename == "a.jsonl"


async def test_a_folder_that_may_not_be_listed_is_told_of(bare_folder: Path) -> None:
    touch(bare_folder / "closed" / "a.jsonl")
    touch(bare_folder / "open" / "b.jsonl")
    (bare_folder / "closed").chmod(0)

    found = await names(Root(bare_folder))
    (bare_folder / "closed").chmod(0o700)
    assert isinstance(found[0], FolderUnreadable)
    assert found[1] == "open/b.jsonl"


async def test_a_file_that_may_not_be_read_is_explained(bare_folder: Path) -> None:
    touch(bare_folder / "a.jsonl").chmod(0)
    (found,) = await listed(Root(bare_folder))

    with pytest.raises(SourceUnreadableError, match="make it readable"):
        await repository().fingerprint(found)


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
async def test_what_is_no_file_any_more_is_refused_without_waiting(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    make(tmp_path / "a")
    one = stat("a", path=str(tmp_path / "a"))

    with pytest.raises(SourceUnreadableError, match="no regular file"):
        await why_incomplete(one, repository(Root(tmp_path)))


async def test_a_root_that_is_no_folder_fails_the_check(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(ConfigurationError, match="cannot be read"):
        await repository(Root(tmp_path / "pipe")).check()


async def test_the_paths_to_watch_are_absolute_and_named_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    found = repository(Root(Path("x")), Root(tmp_path / "x", "*.txt")).watched_paths
    assert found == (str(tmp_path / "x"),)


@pytest.mark.parametrize(
    ("outer", "inner"),
    [
        (Root(Path(), "**/*.jsonl"), Root(Path("x/y"))),
        (Root(Path("x"), "*/*.jsonl"), Root(Path("x/y"), "*.txt")),
        (Root(Path(), "**/*.jsonl"), Root(Path("x/y/a.jsonl"))),
        (Root(Path("link")), Root(Path("x/y"))),
        (Root(Path(), "link/*/*.jsonl"), Root(Path("link/y"))),
    ],
)
async def test_a_root_in_another_one_is_refused(tmp_path: Path, outer: Root, inner: Root) -> None:
    touch(tmp_path / "x" / "y" / "a.jsonl")
    (tmp_path / "link").symlink_to(tmp_path / "x")
    roots = [replace(root, path=tmp_path / root.path) for root in (inner, outer)]

    with pytest.raises(ConfigurationError) as caught:
        await repository(*roots).check()
    assert all(str(root.path) in str(caught.value) for root in roots)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Root(Path(), "*.jsonl"), Root(Path("x/y"))),
        (Root(Path(), "**/*.jsonl"), Root(Path("x/b.txt"))),
        (Root(Path()), Root(Path("x/y"), collection="other")),
        (Root(Path(), "*.jsonl"), Root(Path(), "**/*.txt")),
        (Root(Path("x")), Root(Path("xx"))),
        (Root(Path(), "**/*.jsonl"), Root(Path("link/y"))),
    ],
)
async def test_roots_that_share_no_file_are_taken(tmp_path: Path, one: Root, other: Root) -> None:
    touch(tmp_path / "x" / "y" / "a.jsonl")
    touch(tmp_path / "x" / "b.txt")
    touch(tmp_path / "xx" / "a.jsonl")
    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    touch(outside / "y" / "a.jsonl")
    (tmp_path / "link").symlink_to(outside)

    await repository(*(replace(root, path=tmp_path / root.path) for root in (one, other))).check()
