"""A collection is left when the map has the newest model and the files show it, and no sooner."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from services.writing import loops
from services.writing.handlers.snapshot_trigger import SnapshotTrigger


class World:
    def __init__(self) -> None:
        self.trigger = SnapshotTrigger()
        self.figures = SimpleNamespace(model_version=1)
        self.version = 1

    async def newest(self) -> Any:
        return SimpleNamespace(version=self.version)

    def finish(self) -> "asyncio.Task[None]":
        files = cast("Any", SimpleNamespace(trigger=self.trigger))
        writer = cast("Any", SimpleNamespace(figures=self.figures))
        return asyncio.ensure_future(loops.finish(writer, files, cast("Any", self)))


async def test_it_waits_for_the_model_and_for_the_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "LOOK_S", 0.001)
    world = World()
    world.version = 2
    world.trigger.is_fresh = True
    ended = world.finish()
    await asyncio.sleep(0.05)
    assert not ended.done()

    world.figures.model_version = 2
    world.trigger.request()
    await asyncio.sleep(0.05)
    assert not ended.done()

    world.trigger.is_fresh = True
    await asyncio.wait_for(ended, 5)
