"""Files get other names while services are killed: rows follow them, and nothing is embedded."""

import asyncio
import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import lance
import pytest

from shared.failpoints import VARIABLE, Failpoint
from tests.chaos.facts import texts
from tests.e2e.local_run import PATIENCE_S, LiveRun, check_coordinates, expected_records, live_run
from tests.fakes.embedder import FakeEmbedder
from tests.fakes.embedding_server import EmbeddingServer
from tests.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
CUTS = (
    Failpoint.MOVING,
    Failpoint.COMMITTED,
    Failpoint.TOLD,
    Failpoint.SETTLED,
    Failpoint.CHECKPOINTED,
    Failpoint.PUBLISHED,
    Failpoint.MOVING,
    Failpoint.COMMITTED,
    Failpoint.TOLD,
    Failpoint.SETTLED,
)


@dataclass(frozen=True)
class Scene:
    folder: Path
    output: Path
    mind: FakeEmbedder

    @property
    def table(self) -> Path:
        return self.output / "default" / "store.lance"

    def write(self, name: str, records: int, word: str) -> None:
        lines = [
            {
                "type": "iteration",
                "iteration": number,
                "response": f"{word} says {number}",
                "final_answer": "x" if number == records - 1 else None,
            }
            for number in range(records)
        ]
        file = self.folder / name
        file.parent.mkdir(exist_ok=True)
        file.write_text("".join(f"{json.dumps(line)}\n" for line in lines))

    def append(self, name: str) -> None:
        line = {"type": "iteration", "iteration": 9999, "response": name, "final_answer": "y"}
        with (self.folder / name).open("a") as opened:
            opened.write(f"{json.dumps(line)}\n")

    @property
    def embedded(self) -> int:
        """How many texts the embedder was ever asked for."""
        return sum(map(len, self.mind.requests))

    async def until_as_on_the_disk(self) -> None:
        """Wait until the rows are the records of the files, by their present names."""
        async with asyncio.timeout(PATIENCE_S):
            while await asyncio.to_thread(self._stored) != expected_records(self.folder):
                await asyncio.sleep(0.1)

    def _stored(self) -> dict[str, str] | None:
        found = texts(self.table)
        by_id = dict(found)
        return by_id if len(by_id) == len(found) else None

    def contents(self, version: int) -> dict[str, tuple[int, int]]:
        """Say of each content how often it is there under a name, and of how many rows."""
        rows = lance.dataset(str(self.table), version=version).to_table(
            ["filename", "fingerprint"]
        )
        names: dict[str, list[str]] = {}
        for row in rows.to_pylist():
            names.setdefault(row["fingerprint"], []).append(row["filename"])
        return {content: (len({*some}), len(some)) for content, some in names.items()}


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def moves(folder: Path) -> list[tuple[str, Callable[[], object]]]:
    """List what is done to the files, one after another; none of it changes a content."""
    return [
        ("a file", lambda: (folder / "long.jsonl").rename(folder / "other.jsonl")),
        ("a folder", lambda: (folder / "deep").rename(folder / "sub")),
        ("back", lambda: (folder / "other.jsonl").rename(folder / "long.jsonl")),
        ("as a copy", lambda: by_copy(folder / "long.jsonl", folder / "sub" / "long.jsonl")),
        ("into another folder", lambda: (folder / "sub" / "one.jsonl").rename(folder / "1.jsonl")),
        ("again", lambda: (folder / "1.jsonl").rename(folder / "2.jsonl")),
        ("exchanged", lambda: rotate(folder, "2.jsonl", "sub/short.jsonl")),
        ("exchanged back", lambda: rotate(folder, "2.jsonl", "sub/short.jsonl")),
        ("in a circle", lambda: rotate(folder, "2.jsonl", "sub/short.jsonl", "sub/long.jsonl")),
        ("in a row", lambda: in_a_row(folder, "2.jsonl", "sub/short.jsonl", "sub/long.jsonl")),
    ]


def by_copy(before: Path, after: Path) -> None:
    """Move a file as another file system would: to another inode."""
    beside = after.with_suffix(".part")
    shutil.copy(before, beside)
    before.unlink()
    beside.rename(after)


def rotate(folder: Path, *names: str) -> None:
    """Give each file the name of the next, and the last one that of the first."""
    beside = folder / "beside.part"
    (folder / names[-1]).rename(beside)
    for name, after in reversed(list(pairwise(names))):
        (folder / name).rename(folder / after)
    beside.rename(folder / names[0])


def in_a_row(folder: Path, *names: str) -> None:
    """Give each file the name of the next, and the last one a new name."""
    rotate(folder, *names)
    (folder / names[0]).rename(folder / "last.jsonl")


async def begun(scene: Scene, run: LiveRun) -> int:
    """Have three sources mapped: of three batches, of two, and of one."""
    for name, records in (("long.jsonl", 300), ("deep/short.jsonl", 140), ("deep/one.jsonl", 5)):
        scene.write(name, records, Path(name).stem)
    await scene.until_as_on_the_disk()
    await run.settled(445)
    return lance.dataset(str(scene.table)).version


async def test_rows_follow_their_files_whatever_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cuts = tmp_path / "cuts"
    cuts.mkdir()
    monkeypatch.setenv("MAPSTREAM_OUTPUT__KEEP_VERSIONS_S", "1000000")
    monkeypatch.setenv("MAPSTREAM_INGESTION__TRIGGER__DEBOUNCE_S", "0.2")
    monkeypatch.setenv(VARIABLE, str(cuts))
    mind = FakeEmbedder()
    scene = Scene(tmp_path / "runs", tmp_path / "out", mind)
    scene.folder.mkdir()
    async with EmbeddingServer(mind).running() as url:
        monkeypatch.setenv("MAPSTREAM_EMBEDDING__URL", url)
        monkeypatch.setenv("MAPSTREAM_EMBEDDING__CACHE_MB", "0")  # what is asked again is seen
        async with live_run(scene.folder, scene.output) as run:
            first = await begun(scene, run)
            embedded = scene.embedded
            for (what, move), cut in zip(moves(scene.folder), CUTS, strict=True):
                (cuts / cut).touch()
                await asyncio.to_thread(move)
                await scene.until_as_on_the_disk()
                await run.settled(445)
                await until(lambda armed=cuts / cut: not armed.exists())  # it ended a process
                await run.settled(445)
                assert scene.embedded == embedded, what
            last = lance.dataset(str(scene.table)).version
            (scene.folder / "sub" / "long.jsonl").rename(scene.folder / "3.jsonl")
            scene.append("3.jsonl")
            await scene.until_as_on_the_disk()
            assert scene.embedded == embedded + 1
            (scene.folder / "3.jsonl").replace(scene.folder / "last.jsonl")
            await scene.until_as_on_the_disk()
            await run.settled(306)
            assert scene.embedded == embedded + 1
            assert await run.stop() == 0

    whole = scene.contents(first)
    assert sorted(whole.values()) == [(1, 5), (1, 140), (1, 300)]
    for version in range(first, last + 1):
        assert scene.contents(version) == whole, version
    check_coordinates(scene.output)
