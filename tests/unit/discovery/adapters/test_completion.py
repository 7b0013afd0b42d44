"""When the files of a real folder are complete, by what their root says."""

import os
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.discovery.adapters.folder_listing import Root
from services.discovery.adapters.folder_source_repository import FolderSourceRepository
from services.discovery.adapters.json_lines_format import agent_run_format
from services.discovery.domain.completeness import Completion
from services.discovery.domain.sources import SourceStat
from services.discovery.handlers.contents import why_incomplete

LATER = timedelta(minutes=11)


class Clock:
    def __init__(self) -> None:
        self.time = datetime.now(UTC)

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return 0.0


def root(folder: Path, completion: Completion) -> Root:
    return Root(
        folder, format=agent_run_format(complete_when=completion.when), completion=completion
    )


async def listed(
    repository: FolderSourceRepository, changed: frozenset[str] | None = None
) -> list[SourceStat]:
    async with aclosing(repository.list_sources(changed)) as found:
        return [one async for one in found if isinstance(one, SourceStat)]


async def test_a_file_that_is_left_alone_is_complete_whatever_its_last_line(
    tmp_path: Path,
) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(b'{"cut')
    os.utime(file, (0, 0))  # a time that a writer has set says nothing
    clock = Clock()
    repository = FolderSourceRepository([root(tmp_path, Completion("unchanged"))], clock=clock)
    (stat,) = await listed(repository)

    assert await why_incomplete(stat, repository) == "changed_lately"
    clock.time += LATER
    assert await why_incomplete(stat, repository) is None


async def test_a_file_is_complete_when_another_lies_beside_it(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"{}\n")
    completion = Completion("sidecar", sidecar=".ok")
    repository = FolderSourceRepository([root(tmp_path, completion)])
    (stat,) = await listed(repository)
    assert await why_incomplete(stat, repository) == "no_sidecar"

    (tmp_path / "a.jsonl.ok").touch()

    assert await why_incomplete(stat, repository) is None


async def test_the_file_beside_it_has_a_source_looked_at(tmp_path: Path) -> None:
    for name in ("a.jsonl", "b.jsonl", "a.jsonl.done"):
        (tmp_path / name).touch()
    changed = frozenset([str(tmp_path / "a.jsonl.done")])

    waits = FolderSourceRepository([root(tmp_path, Completion("sidecar"))])
    assert [one.filename for one in await listed(waits, changed)] == ["a.jsonl"]
    assert await listed(FolderSourceRepository([Root(tmp_path)]), changed) == []


@pytest.mark.parametrize(("content", "why"), [(b"{}\n", None), (b"{}\n{", "no_json_at_end")])
async def test_any_whole_line_will_do_where_the_root_says_so(
    tmp_path: Path, content: bytes, why: str | None
) -> None:
    (tmp_path / "a.jsonl").write_bytes(content)
    repository = FolderSourceRepository([root(tmp_path, Completion("any_line"))])
    (stat,) = await listed(repository)

    assert await why_incomplete(stat, repository) == why


async def test_each_root_has_a_rule_of_its_own(tmp_path: Path) -> None:
    roots = []
    for name, when in (("x", "final_answer"), ("y", "any_line")):
        folder = tmp_path / name
        folder.mkdir()
        (folder / f"{name}.jsonl").write_bytes(b"{}\n")
        roots.append(root(folder, Completion(when)))
    repository = FolderSourceRepository(roots)

    found = {
        stat.filename: await why_incomplete(stat, repository) for stat in await listed(repository)
    }
    assert found == {"x.jsonl": "no_final_answer", "y.jsonl": None}
