"""Two replicas of what owns collections: shared, taken over, given back, in real processes."""

import asyncio
import signal
from pathlib import Path

import pytest

from shared.failpoints import VARIABLE, Failpoint
from tests.bench.replicas import COMES_BY, world
from tests.waiting import ended

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]


SELDOM_S = 0.3
"""Between two records: there is always something under way, and the machine has time."""


async def test_replicas_share_collections_take_over_and_give_back(tmp_path: Path) -> None:
    """One of them ends when it owns a collection and has opened nothing of it, others later."""
    points = tmp_path / "points"
    points.mkdir()
    async with world(tmp_path, ("one", "other")) as on:
        coming = asyncio.ensure_future(on.write_for_ever(SELDOM_S))
        await on.at_work()
        (points / Failpoint.OWNED).touch()
        await on.start_second("projection", **{VARIABLE: str(points)})
        assert await on.seconds["projection"].wait() == -signal.SIGKILL
        for service in COMES_BY:
            await on.shared(service, 1)
            await on.start_second(service)
        for service in COMES_BY:
            await on.shared(service, 2)
            on.seconds[service].send_signal(signal.SIGKILL)
            await on.seconds[service].wait()
        for service in COMES_BY:
            await on.shared(service, 1)
            await on.start_second(service)
        for service in COMES_BY:
            await on.shared(service, 2)
        await ended(coming)

        assert min((await on.equal()).values()) > 0
        assert on.deployment.ended == []
