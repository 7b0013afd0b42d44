"""All volumes are gone, the map stays, and writing is the last to start."""

import json
import shutil
import sys
from asyncio import create_subprocess_exec
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from tests.e2e.deployment import SERVICES, Deployment, deployment
from tests.e2e.local_run import check_coordinates, write_source
from tests.e2e.test_start_and_stop import check_ledger, is_mapped

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
BEGIN_ANEW = 71


async def begin(one: Deployment, *services: str) -> None:
    await one.nats.start()
    await one.apply_streams()
    for service in services:
        one.start(service)


async def test_what_a_lost_ledger_and_lost_moments_have_sent_by_then_comes_to_nothing(
    tmp_path: Path,
) -> None:
    """They begin at version 1 and at model 1, which the map has had, of other contents."""
    async with deployment(tmp_path) as one:
        write_source(one.sources / "a.jsonl", 9, "first")
        write_source(one.sources / "b.jsonl", 5, "steady")
        await begin(one, *SERVICES, "text2vec")
        await one.until(lambda: is_mapped(one))
        write_source(one.sources / "a.jsonl", 6, "second")
        await one.until(lambda: is_mapped(one))
        model = check_coordinates(one.output).version
        for service in SERVICES:
            await one.stop(service)
        announced = one.log("projection").count("model.announced")
        await one.nats.stop()
        shutil.rmtree(one.folder / "state")
        shutil.rmtree(one.folder / "nats")
        write_source(one.sources / "a.jsonl", 8, "third")
        write_source(one.sources / "c.jsonl", 4, "new")

        await begin(one, "discovery", "embedding", "projection")
        await one.until(lambda: one.log("projection").count("model.announced") > announced)
        one.start("writing")
        await one.until(lambda: is_mapped(one))

        assert {("discovery", BEGIN_ANEW), ("projection", BEGIN_ANEW)} <= set(one.ended)
        assert "ledger.took_over" in one.log("discovery")
        assert "state.made_again" in one.log("projection")
        await one.until(lambda: check_coordinates(one.output).version >= model)
        await check_ledger(one)
        for service in ("discovery", "embedding", "projection", "writing"):
            await one.stop(service)
        code, told = await verify(one)
    assert (code, told["differences"]) == (0, [])


async def verify(one: Deployment) -> tuple[int | None, dict[str, object]]:
    process = await create_subprocess_exec(
        sys.executable, "-m", "services.cli", "verify", "--json", "--output", str(one.output),
        "--state", str(one.folder / "state"), stdout=PIPE,
    )  # fmt: skip
    out, _ = await process.communicate()
    (told,) = json.loads(out)
    return process.returncode, told
