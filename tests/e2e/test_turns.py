"""A collection that stands still, beside another one, in real processes."""

from pathlib import Path

import pytest

from tests.bench.turns import STUCK, neighbours
from tests.e2e.local_run import rows

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
BATCHES = 600
"""More than a subject takes: without a bound for it, more than 64 of them would wait."""
SOURCES = 40


async def test_with_one_collection_stuck_the_other_is_fully_mapped_and_later_both_are(
    tmp_path: Path,
) -> None:
    async with neighbours(tmp_path, ["busy"]) as world:
        world.send(STUCK, BATCHES)
        await world.stand_still()
        for turn in range(1, 4):
            world.send("busy", SOURCES)
            await world.map_all(["busy"], turn * SOURCES)

        assert (await world.left()).waiting <= 64
        assert rows(world.deployment.output, STUCK) == []
        world.silent.speaks.set()
        await world.map_all([STUCK], BATCHES)
        found = [row["id"] for row in rows(world.deployment.output, STUCK)]
        assert (len(found), len(set(found))) == (BATCHES, BATCHES)
        assert world.deployment.ended == []
