"""What the service does by itself, and what it says when it starts."""

import asyncio
from typing import Any, cast

import pytest

from services.projection import loops
from services.projection.handlers.projector import Projector
from shared.bus.messages.outgoing import Steps
from tests.fakes.clock import FrozenClock
from tests.fakes.projection_store import FakeProjectionStore
from tests.unit.projection.stage import NO_DRIFT, piece
from tests.waiting import ended, until


class StillComing:
    """Vectors of a forgotten source leave the moments between any two looks, ten times."""

    owes_refit = True
    left = 10

    @property
    def revision(self) -> int:
        self.left = max(0, self.left - 1)
        return 10 - self.left


class Forgetful:
    """Fits a model without the forgotten, and notes how many of their vectors it still had."""

    def __init__(self) -> None:
        self.state = StillComing()
        self.had: list[int] = []

    async def forget(self) -> Steps:
        self.had.append(self.state.left)
        self.state.owes_refit = False
        yield []


class Nowhere:
    async def publish_steps(self, steps: Steps) -> None:
        assert [one async for one in steps] == [[]]


async def test_forgetting_waits_until_no_more_of_the_forgotten_come(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loops, "QUIET_S", 0)
    projector = Forgetful()
    loop = loops.forget_when_quiet(cast("Any", projector), cast("Any", Nowhere()))
    task = asyncio.ensure_future(loop)

    await until(lambda: projector.had)
    await ended(task)

    assert projector.had == [0]


async def test_a_start_brings_the_writers_the_current_model_and_announces_it_once() -> None:
    store = FakeProjectionStore()
    told: list[list[str]] = []
    for _ in range(2):
        state = await store.load("default")
        projector = Projector(state, store=store, clock=FrozenClock(), rules=NO_DRIFT)
        told.append([one.channel.family async for step in projector.resume() for one in step])
        told.append(
            [one.channel.family async for step in projector.project([piece(0)]) for one in step]
        )

    assert told == [
        [],
        ["projection.model", "projection.updated", "projection.batch"],
        ["projection.model"],
        ["projection.batch"],
    ]
