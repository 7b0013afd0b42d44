"""What the service does by itself, and what it says when it starts."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from services.projection import loops
from services.projection.handlers.projector import Projector
from shared.bus.messages.outgoing import Steps
from shared.errors import BeginAnew
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


async def test_a_collection_begins_anew_when_something_stored_stays_uncounted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not at once: what is stored may be on its way here, too."""
    monkeypatch.setattr(loops, "DOUBT_S", 0)

    class Doubtful:
        """In doubt at each look that is listed, then for good."""

        def __init__(self, *looks: int) -> None:
            self.collection = "default"
            self.has_missed_news = False
            self._looks = list(looks)
            self.seen = 0

        @property
        def in_doubt(self) -> int:
            self.seen += 1
            return self._looks.pop(0) if self._looks else 1

    state = Doubtful(1, 0, 0, 1, 0)
    projector = cast("Any", SimpleNamespace(state=state))
    with pytest.raises(BeginAnew, match="1 batches are stored and not counted, or"):
        await loops.count_anew_in_doubt(projector, cast("Any", SimpleNamespace(is_compared=True)))

    assert state.seen == 5 + 2


async def test_so_it_does_when_nobody_will_tell_what_became_of_what_is_pending(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loops, "DOUBT_S", 0)
    state = SimpleNamespace(in_doubt=0, pending=3, has_missed_news=True, collection="default")
    projector = cast("Any", SimpleNamespace(state=state))

    with pytest.raises(BeginAnew, match="3 batches"):
        await loops.count_anew_in_doubt(projector, cast("Any", SimpleNamespace(is_compared=True)))


async def test_a_collection_waits_for_whoever_has_what_it_would_count_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without writing, it would begin anew again and again, and project nothing meanwhile."""
    monkeypatch.setattr(loops, "DOUBT_S", 0)

    class Away:
        """Is back at the tenth look."""

        looks = 0

        @property
        def is_compared(self) -> bool:
            self.looks += 1
            return self.looks >= 10

    away = Away()
    state = SimpleNamespace(in_doubt=1, collection="default")
    projector = cast("Any", SimpleNamespace(state=state))
    with pytest.raises(BeginAnew):
        await loops.count_anew_in_doubt(projector, cast("Any", away))

    assert away.looks == 11


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


@pytest.mark.parametrize("published", [0, 1])
async def test_a_model_whose_announcement_fails_is_announced_before_what_follows(
    published: int,
) -> None:
    """Its batches are projected with it already: without it, nobody could store them."""
    store = FakeProjectionStore()
    state = await store.load("default")
    projector = Projector(state, store=store, clock=FrozenClock(), rules=NO_DRIFT)
    failing = projector.project([piece(0)])
    for _ in range(published + 1):  # what is handed out last is not stored
        await anext(failing)
    await failing.aclose()

    told = [
        [one.channel.family async for step in projector.project([piece(0)]) for one in step]
        for _ in range(2)
    ]

    assert told == [
        ["projection.model", "projection.updated", "projection.batch"],
        ["projection.batch"],
    ]


class Listener:
    """Takes what is published, and notes its families."""

    def __init__(self) -> None:
        self.told: list[str] = []

    async def publish_steps(self, steps: Steps) -> None:
        self.told += [one.channel.family async for step in steps for one in step]


async def test_a_start_on_a_full_disk_waits_until_it_can_note_what_it_has_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loops, "AGAIN_S", 0)
    store = FakeProjectionStore()
    crashed = Projector(
        await store.load("default"), store=store, clock=FrozenClock(), rules=NO_DRIFT
    )
    await anext(aiter(crashed.project([piece(0)])))  # the model is kept, and nobody was told
    store.failures = 2
    listener = Listener()
    projector = Projector(
        await store.load("default"), store=store, clock=FrozenClock(), rules=NO_DRIFT
    )

    await loops.resume(projector, cast("Any", listener))

    assert store.failures == 0
    assert await store.unannounced("default") == []
    assert listener.told == ["projection.model", "projection.updated", "projection.model"]
