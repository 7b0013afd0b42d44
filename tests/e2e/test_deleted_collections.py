"""Collections are deleted while everything runs, whatever is killed, and nothing is left of them.

What is left is looked for from outside: on the disk, in the databases, on the bus, over HTTP.
"""

import asyncio
import json
import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import nats
import pytest

from shared.failpoints import VARIABLE, Failpoint
from tests.e2e.local_run import PATIENCE_S, LiveRun, check_coordinates, live_run, write_source
from tests.e2e.test_created_collections import World, from_terminal, over_http

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
RECORDS, FILES = 20, 8
POINTS = {
    "gone-early": (Failpoint.MARKED, Failpoint.STATE_REMOVED, Failpoint.PURGED, Failpoint.BURIED),
    "gone-midway": (Failpoint.ABANDONED, Failpoint.FILES_REMOVED, Failpoint.ROWS_REMOVED),
    "gone-late": (Failpoint.UNREAD, Failpoint.UNKNOWN),
}
"""Where services are killed while each is deleted."""
TOLD = ("collection.changed", "projection.rejected")
"""That it is deleted, and why a refit came too late."""


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(tmp_path)
    monkeypatch.setenv("MAPSTREAM_INGESTION__ALLOWED_ROOTS", json.dumps([str(made.data)]))
    monkeypatch.setenv(VARIABLE, str(made.points))
    return made


async def made(world: World, run: LiveRun, name: str) -> None:
    answer = await over_http(run, name=name, sources=[{"path": str(world.folder(name))}])
    assert answer.status_code == 201


def fill(world: World, name: str, word: str) -> None:
    for number in range(FILES):
        write_source(world.data / name / f"{word}-{number}.jsonl", RECORDS, name)


async def delete(run: LiveRun, name: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=run.gateway, timeout=PATIENCE_S) as http:
        return await http.delete(f"/api/collections/{name}")


async def look(run: LiveRun, path: str, **params: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=run.gateway, timeout=PATIENCE_S) as http:
        return await http.get(path, params=params)


async def refit(run: LiveRun, name: str) -> None:
    """Have a model fitted, if it comes to that before the collection is gone; wait for nothing."""
    async with httpx.AsyncClient(base_url=run.gateway, timeout=1.0) as http:
        with suppress(httpx.ReadTimeout):
            await http.post(
                "/recompute-projection", params={"collection": name}, json={"force": True}
            )


def write_broken(path: Path) -> None:
    """Write a log of which a line is dead, and the rest is mapped."""
    write_source(path, RECORDS, "broken")
    path.write_text('{"type": "iteration", nothing of this\n' + path.read_text())


def on_disk(output: Path, name: str) -> list[str]:
    """List the files and folders of the run whose paths have the name."""
    return [str(one) for one in everything(output) if name in one.relative_to(output).parts]


def everything(folder: Path) -> Iterator[Path]:
    """Give all files and folders; what goes while one looks is passed over."""
    for root, folders, files in os.walk(folder):
        yield from (Path(root, one) for one in (*folders, *files))


def in_databases(output: Path, name: str) -> Iterator[tuple[str, str, tuple[Any, ...]]]:
    """Find every row of every table of every database that has the name in any of its cells."""
    for file in everything(output):
        if file.suffix != ".sqlite":
            continue
        try:
            yield from in_database(file, name)
        except sqlite3.OperationalError:
            if file.exists():  # it did not go just now
                raise


def in_database(file: Path, name: str) -> Iterator[tuple[str, str, tuple[Any, ...]]]:
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as db:
        found = db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        for (table,) in found:
            for row in db.execute(f"SELECT * FROM {table}"):  # noqa: S608
                if any(name in str(cell) for cell in row):
                    yield file.name, table, row


async def on_the_bus(run: LiveRun, name: str) -> tuple[list[str], list[str]]:
    """List the messages, by subject, and the consumers whose names have this one."""
    client = await nats.connect(run.url)
    js = client.jetstream()
    messages, consumers = [], []
    for stream in await js.streams_info():
        known = await js.stream_info(stream.config.name, subjects_filter=">")
        messages += [one for one in known.state.subjects or {} if one.split(".")[-1] == name]
        found = await js.consumers_info(stream.config.name)
        consumers += [one.name for one in found if one.name.endswith(f"-{name}")]
    await client.close()
    return sorted(messages), consumers


async def nothing_is_left(run: LiveRun, world: World, name: str) -> None:
    """Check it at once: whoever asked was told that it is so."""
    assert on_disk(world.output, name) == []
    rows = [*in_databases(world.output, name)]
    assert [(file, table) for file, table, _ in rows] == [("discovery.sqlite", "collections")]
    assert "deleted" in rows[0][2]
    messages, consumers = await on_the_bus(run, name)
    # What was asked for is in the audit, what was done is told, and commands are answered: one
    # that was in hand when its service was killed comes again.
    answered = {f"{one}.{name}" for one in ("audit.command", *TOLD)}
    assert [one for one in messages if one not in answered and not is_command(one)] == []
    assert consumers == []


def is_command(subject: str) -> bool:
    return ".command." in f".{subject}"


async def commands_settled(run: LiveRun, name: str) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while [
            one
            for one in (await on_the_bus(run, name))[0]
            if is_command(one) and not one.startswith("audit")
        ]:
            await asyncio.sleep(0.2)


async def test_nothing_is_left_whatever_is_killed_and_the_other_one_is_whole(
    world: World,
) -> None:
    async with live_run(world.runs, world.output) as run:
        await run.settled(5)
        await made(world, run, "stays")
        for name, points in POINTS.items():
            await made(world, run, name)
            fill(world, name, "first")
            await world.mapped(name)
            write_broken(world.data / name / "broken.jsonl")
            fill(world, name, "second")
            fill(world, "stays", f"beside-{len(name)}")
            armed = [world.arm(point) for point in points]
            async with asyncio.TaskGroup() as group:
                deleting = group.create_task(delete(run, name))
                group.create_task(refit(run, name))
            answer = deleting.result()
            assert answer.status_code == 200, answer.text
            assert answer.json()["record"]["state"] == "deleted"
            assert [one for one in armed if one.exists()] == []
            await nothing_is_left(run, world, name)
            assert len([*(world.data / name).iterdir()]) == 2 * FILES + 1
        await world.mapped("stays")
        await world.accounted({"default": 1, "stays": len(POINTS) * FILES})
        for name in POINTS:
            await commands_settled(run, name)
            await nothing_is_left(run, world, name)
            assert (await look(run, f"/api/collections/{name}")).status_code == 404
            assert (await look(run, "/map", collection=name)).status_code == 404
        listed = (await look(run, "/api/collections")).json()["items"]
        again = await delete(run, "gone-late")
        anew, _ = await from_terminal(world, "create", "gone-late")
        configured = await delete(run, "default")

    assert [one["name"] for one in listed] == ["default", "stays"]
    assert again.status_code == 404
    assert anew == 5
    assert configured.status_code == 409
    assert "take it out of 'collections'" in configured.json()["detail"]
    for name in ("default", "stays"):
        check_coordinates(world.output, name)


async def test_nothing_is_left_of_one_that_is_read_embedded_or_waited_for(world: World) -> None:
    async with live_run(world.runs, world.output) as run:
        await run.settled(5)
        await made(world, run, "stays")
        for name in ("is-hung", "is-held", "is-read"):
            await made(world, run, name)
        with stopped(await run.running("text2vec")):  # it takes requests, and answers none
            fill(world, "is-hung", "hung")
            await on_its_way(run, "discovery.batch.is-hung")
            assert (await delete(run, "is-hung")).status_code == 200
            await nothing_is_left(run, world, "is-hung")

        fill(world, "is-held", "held")
        await world.mapped("is-held")
        with stopped(await run.running("projection")):
            deleting = asyncio.ensure_future(delete(run, "is-held"))
            waits = await waited_for(run, "deleting collection is-held")
            is_early = deleting.done()
            meanwhile = (await look(run, "/api/collections/is-held")).json()["state"]
            await made(world, run, "is-new")
        assert (await deleting).status_code == 200
        await nothing_is_left(run, world, "is-held")

        write_source(world.data / "is-read" / "large.jsonl", 20_000, "read")
        await on_its_way(run, "embedding.batch.is-read")
        assert (await delete(run, "is-read")).status_code == 200
        for name in ("stays", "is-new"):
            fill(world, name, "after")
            await world.mapped(name)
        for name in ("is-hung", "is-held", "is-read"):
            await nothing_is_left(run, world, name)

    assert not is_early
    assert meanwhile == "deleting"
    assert "projection" in waits


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """Let a process do nothing for the time of the block."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def on_its_way(run: LiveRun, subject: str) -> None:
    """Wait until a stream has a message of a subject."""
    async with asyncio.timeout(PATIENCE_S):
        while subject not in (await on_the_bus(run, subject.rsplit(".", maxsplit=1)[-1]))[0]:
            await asyncio.sleep(0.05)


async def waited_for(run: LiveRun, what: str) -> str:
    """Return why something is waited for, once discovery tells that it is."""
    client = await nats.connect(run.url)
    try:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                answer = await client.request("mapstream.status.discovery", b"", PATIENCE_S)
                for one in json.loads(answer.data)["waits"]:
                    if one["what"] == what:
                        return one["reason"]
                await asyncio.sleep(0.2)
    finally:
        await client.close()
