"""The loops of a service end when they are told to."""

import asyncio

import pytest

from shared import runtime
from shared.bus import micro_batches


class Deaf:
    """A loop that does not hear the first cancellations, as asyncio.wait_for may not."""

    def __init__(self, lost: int) -> None:
        self.lost = lost
        self.begun = asyncio.Event()

    async def run(self) -> None:
        self.begun.set()
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if not self.lost:
                    raise
                self.lost -= 1


@pytest.mark.parametrize("lost", [0, 1, 3])
async def test_a_loop_that_lost_a_cancellation_ends_all_the_same(
    lost: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(micro_batches, "GRACEFUL_S", 0.01)
    monkeypatch.setattr(micro_batches, "AFTER_WORK_S", 0.0)
    deaf, other = Deaf(lost), Deaf(0)
    working = asyncio.ensure_future(runtime._run_together([deaf.run, other.run]))
    await deaf.begun.wait()

    working.cancel()
    async with asyncio.timeout(30):
        await asyncio.wait({working})

    assert working.cancelled()
    assert deaf.lost == 0


async def test_a_loop_that_fails_ends_the_others() -> None:
    other = Deaf(0)

    async def fail() -> None:
        await other.begun.wait()
        raise ValueError("broken")

    with pytest.raises(ExceptionGroup) as caught:
        await runtime._run_together([fail, other.run])
    assert caught.group_contains(ValueError, match="broken")
