"""A process that stands still while a collection is deleted leaves nothing of it later."""

import asyncio
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from starlette.responses import Response

from tests.e2e.local_run import PATIENCE_S, LiveRun, live_run, write_source
from tests.e2e.test_created_collections import World
from tests.e2e.test_deleted_collections import (
    delete,
    made,
    nothing_is_left,
    world,
)
from tests.fakes.embedder import FakeEmbedder
from tests.fakes.embedding_server import EmbeddingServer

__all__ = ["world"]
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
LONGER_THAN_OTHERS_ARE_WAITED_FOR_S = 2.5


class Held(EmbeddingServer):
    """Answers who asks for a text of one collection when it is told to."""

    def __init__(self) -> None:
        super().__init__(FakeEmbedder(dimension=8))
        self.speaks = asyncio.Event()
        self.held = 0

    async def _answer(self, texts: list[str]) -> np.ndarray | Response:
        if any(text.startswith("frozen") for text in texts):
            self.held += 1
            await self.speaks.wait()
        return await super()._answer(texts)


def state_of(output: Path, name: str) -> str:
    file = output / "state" / "discovery" / "discovery.sqlite"
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as db:
        return str(db.execute("SELECT state FROM collections WHERE name = ?", (name,)).fetchone())


async def until_all_is_gone(run: LiveRun, world: World, name: str) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                await nothing_is_left(run, world, name)
            except AssertionError:
                await asyncio.sleep(0.2)
            else:
                return


async def test_replicas_that_stood_still_leave_nothing_of_a_deleted_collection(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of embedding has requests under way; one of writing owns it, or waits to.

    What the first publishes late is taken away by discovery, as it does at each start.
    """
    server = Held()
    async with server.running() as url:
        monkeypatch.setenv("MAPSTREAM_EMBEDDING__URL", url)
        monkeypatch.setenv("MAPSTREAM_EMBEDDING__REQUESTS_IN_FLIGHT", "1")
        async with live_run(world.runs, world.output) as run:
            await run.settled(5)
            await run.http()
            async with run.second("embedding") as embedding, run.second("writing") as writing:
                await made(world, run, "frozen")
                for number in range(100):
                    write_source(world.data / "frozen" / f"{number}.jsonl", 60, "frozen")
                async with asyncio.timeout(PATIENCE_S):
                    while server.held < 2:  # one of each process
                        await asyncio.sleep(0.1)
                for frozen in (embedding, writing):
                    frozen.send_signal(signal.SIGSTOP)
                deleting = asyncio.ensure_future(delete(run, "frozen"))
                async with asyncio.timeout(PATIENCE_S):
                    while "active" in await asyncio.to_thread(state_of, world.output, "frozen"):
                        await asyncio.sleep(0.1)
                await asyncio.sleep(LONGER_THAN_OTHERS_ARE_WAITED_FOR_S)
                server.speaks.set()
                for frozen in (embedding, writing):
                    frozen.send_signal(signal.SIGCONT)
                assert (await deleting).status_code == 200
                await run.kill("discovery")
                await until_all_is_gone(run, world, "frozen")
