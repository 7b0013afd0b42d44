"""Sources are replaced again and again while services are killed; each is seen whole throughout.

``make replacements N=200`` does it so many times; the tests a few.
"""

import asyncio
import hashlib
import json
import os
import random
from pathlib import Path

import lance
import pytest

from tests.e2e.local_run import PATIENCE_S, LiveRun, check_coordinates, live_run

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(7200)]
REPLACEMENTS = int(os.environ.get("MAPSTREAM_REPLACEMENTS", "12"))
SEED = int(os.environ.get("MAPSTREAM_REPLACEMENTS_SEED", "1"))
SERVICES = ("discovery", "embedding", "projection", "writing")
RECORDS = {"long.jsonl": 300, "short.jsonl": 140, "one.jsonl": 5}
"""Three batches, two, and one."""
IS_DISCARDED = 0.25
"""How likely it is that a version is replaced before it can be shown."""
IS_KILLED = 0.6


def content(name: str, version: int) -> bytes:
    lines = [
        {
            "type": "iteration",
            "iteration": number,
            "response": f"{name} tells {version} of {number * version % 97}",
            "final_answer": "x" if number == RECORDS[name] - 1 else None,
        }
        for number in range(RECORDS[name])
    ]
    return "".join(f"{json.dumps(line)}\n" for line in lines).encode()


def replace(folder: Path, name: str, data: bytes) -> str:
    """Put a whole content in a file's place, and return what it is known by."""
    beside = folder.parent / f"{name}.new"
    beside.write_bytes(data)
    beside.replace(folder / name)
    return hashlib.sha256(data).hexdigest()


def seen(table: Path, version: int | None = None) -> dict[str, dict[str, int]]:
    """Count the rows of each source by the content that they are of."""
    rows = lance.dataset(str(table), version=version).to_table(["filename", "fingerprint"])
    found: dict[str, dict[str, int]] = {}
    for name, fingerprint in zip(*(column.to_pylist() for column in rows.columns), strict=True):
        counts = found.setdefault(name, {})
        counts[fingerprint] = counts.get(fingerprint, 0) + 1
    return found


def fragments(table: Path, version: int) -> set[str]:
    """Name the files that hold the rows of a version."""
    found = lance.dataset(str(table), version=version).get_fragments()
    return {file.path for one in found for file in one.metadata.files}


def seen_so_far(table: Path) -> dict[str, dict[str, int]]:
    try:
        return seen(table)
    except ValueError:  # its folder is there before its first version is
        return {}


async def until_seen(table: Path, wanted: dict[str, str]) -> None:
    whole = {name: {fingerprint: RECORDS[name]} for name, fingerprint in wanted.items()}
    async with asyncio.timeout(PATIENCE_S):
        while await asyncio.to_thread(seen_so_far, table) != whole:
            await asyncio.sleep(0.1)


async def kill_one(run: LiveRun, dice: random.Random) -> None:
    await asyncio.sleep(dice.uniform(0, 1.5))
    await run.kill(dice.choice(SERVICES))


async def test_every_version_of_the_dataset_has_each_source_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAPSTREAM_OUTPUT__KEEP_VERSIONS_S", "1000000")
    folder, output = tmp_path / "runs", tmp_path / "out"
    folder.mkdir()
    table = output / "default" / "store.lance"
    dice = random.Random(SEED)  # noqa: S311  no secret
    contents = {name: {replace(folder, name, content(name, 1))} for name in RECORDS}
    newest = {name: next(iter(known)) for name, known in contents.items()}
    async with live_run(folder, output) as run:
        await until_seen(table, newest)
        first = lance.dataset(str(table)).version
        for version in range(2, REPLACEMENTS + 2):
            name = dice.choice(list(RECORDS))
            newest[name] = replace(folder, name, content(name, version))
            contents[name].add(newest[name])
            if dice.random() < IS_KILLED:
                await kill_one(run, dice)
            if dice.random() >= IS_DISCARDED:
                await until_seen(table, newest)
        await until_seen(table, newest)
        await run.settled(sum(RECORDS.values()))
        assert await run.stop() == 0

    last = lance.dataset(str(table)).version
    for version in range(first, last + 1):
        for name, counts in seen(table, version).items():
            assert list(counts.values()) == [RECORDS[name]], (version, name)
            assert counts.keys() <= contents[name], (version, name)
        assert seen(table, version).keys() == RECORDS.keys(), version
    # What was seen in no version has left nothing: each file came with a version that shows it.
    files = {one.name for one in (table / "data").iterdir()}
    assert files <= set[str]().union(*(fragments(table, one) for one in range(1, last + 1)))
    check_coordinates(output)
