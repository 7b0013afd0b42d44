"""docker-compose.yml on a real engine: everything that an operator does to it, once."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from shared.bus.connection import jetstream
from shared.bus.registry.commands import COMMAND_REFIT
from shared.bus.registry.projection import PROJECTION_UPDATED
from shared.services import ALL, STAGES
from tests.compose.stack import Stack, why_not
from tests.e2e.local_run import (
    EXAMPLES,
    check_coordinates,
    expected_records,
    rows,
    write_source,
)

REASON = why_not()
pytestmark = [
    pytest.mark.compose,
    pytest.mark.e2e,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(bool(REASON), reason=f"no Docker engine answers: {REASON}"),
]
RUNNING = ("nats", *ALL)


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    made = Stack(tmp_path)
    await made.compose("build", "--quiet")
    yield made
    await made.remove()


async def test_the_stack_lives_through_a_day_of_an_operator(stack: Stack) -> None:
    for file in EXAMPLES.glob("*.jsonl"):
        shutil.copy(file, stack.runs)
    await stack.compose("up", "--detach", "--wait", "--no-build")
    await check_map(stack)
    await check_confinement(stack)
    await check_refit_over_the_bus(stack)
    await check_gateway(stack)
    await check_dead_letters(stack)

    await scale_up(stack)
    await while_records_flow(stack, "killed", lambda: kill_everything_once(stack))
    await while_records_flow(stack, "restarted", lambda: stack.compose("restart", "nats"))
    await while_records_flow(stack, "upgraded", lambda: upgrade_projection(stack))
    await check_map(stack)

    await stack.compose("down")
    write_source(stack.runs / "after" / "down.jsonl", 5, "later")
    await stack.compose("up", "--detach", "--wait", "--no-build")
    await check_map(stack)
    await stack.compose("down", "--volumes")
    assert await stack.left() == []
    frame = pd.read_parquet(stack.output / "default" / "logs.parquet")
    assert len(frame) == len(expected_records(stack.runs))
    await check_a_new_beginning(stack)


async def check_a_new_beginning(stack: Stack) -> None:
    """The map alone is left, which is a folder of the user's: all goes on from it."""
    write_source(stack.runs / "after" / "all.jsonl", 5, "anew")
    await stack.compose("up", "--detach", "--wait", "--no-build")
    await check_map(stack)
    await stack.compose("down", "--volumes")


async def check_map(stack: Stack) -> None:
    """Every record once, each at the place that its vector has under the model of the file."""
    expected = expected_records(stack.runs)
    status = await stack.settled(len(expected))
    found = rows(stack.output)
    assert {row["id"]: row["text"] for row in found} == expected
    assert len(found) == len(expected)
    told = status["records"]
    assert told["seen"] == told["mapped"] + told["dead"] + told["in_flight"]
    check_coordinates(stack.output)
    owner = (stack.output / "default" / "logs.parquet").stat()
    assert f"{owner.st_uid}:{owner.st_gid}" == stack.run_as


async def check_confinement(stack: Stack) -> None:
    """No root, nothing to write to, no rights to gain, and no port beyond this machine."""
    ports: dict[str, Any] = {}
    for service in RUNNING:
        (container,) = await stack.containers(service)
        told = await stack.inspect(container)
        host = told["HostConfig"]
        assert told["Config"]["User"] == stack.run_as, service
        assert not told["Config"]["User"].startswith("0"), service
        assert host["ReadonlyRootfs"], service
        assert host["CapDrop"] == ["ALL"], service
        assert "no-new-privileges:true" in host["SecurityOpt"], service
        assert host["Memory"] > 0, service
        assert host["NanoCpus"] > 0, service
        assert host["PidsLimit"] > 0, service
        assert told["State"]["Health"]["Status"] == "healthy", service
        for bindings in host["PortBindings"].values():
            ports[service] = [one["HostIp"] for one in bindings]
    assert ports == {"nats": ["127.0.0.1"], "gateway": ["127.0.0.1"]}
    (writing,) = await stack.containers("writing")
    with pytest.raises(AssertionError, match="Read-only file system"):
        await stack.python(writing, "open('/app/x', 'w')")
    (discovery,) = await stack.containers("discovery")
    with pytest.raises(AssertionError, match="Read-only file system"):
        await stack.python(discovery, "open('/logs/x', 'w')")


async def check_refit_over_the_bus(stack: Stack) -> None:
    """One program asks for a refit; another one, that only looks on, hears of it."""
    async with stack.bus("operator") as operator, stack.bus("observer") as observer:
        heard = await observer.subscribe(PROJECTION_UPDATED.every_subject)
        await observer.flush()
        command = json.dumps({"force": True, "correlation_id": "compose"}).encode()
        await jetstream(operator, timeout_s=120).publish(COMMAND_REFIT.subject("default"), command)
        async with asyncio.timeout(120):
            while True:
                event = json.loads((await heard.next_msg(timeout=120)).data)
                if event["correlation_id"] == "compose":
                    break
    status = await stack.settled(len(expected_records(stack.runs)))
    assert status["model"]["version"] == event["model"]["version"]
    assert check_coordinates(stack.output).version == event["model"]["version"]


async def check_gateway(stack: Stack) -> None:
    async with stack.http() as http:
        token = http.headers.pop("Authorization")
        assert (await http.post("/recompute-projection")).status_code == 401
        http.headers["Authorization"] = token
        assert (await http.post("/recompute-projection")).status_code == 200
        assert (await http.get("/map")).status_code == 200
        assert "<script" in (await http.get("/")).text


async def check_dead_letters(stack: Stack) -> None:
    """A torn line dies, cannot be read again either, and is given up, all of it over HTTP."""
    lines = [
        json.dumps({"type": "iteration", "iteration": 1, "response": "before the torn line"}),
        '{"type": "iteration", "itera',
        json.dumps({"final_answer": "done"}),
    ]
    beside = stack.runs / "torn.part"
    beside.write_text("\n".join(lines))
    beside.rename(stack.runs / "torn.jsonl")
    await check_map(stack)
    async with stack.http() as http:
        (letter,) = (await http.get("/dead-letters")).json()["items"]
        assert (letter["filename"], letter["line"]) == ("torn.jsonl", 2)
        command = {"sequences": [letter["sequence"]]}
        replayed = (await http.post("/dead-letters/replay", json=command)).json()
        assert (replayed["letters"], replayed["refused"]) == (0, 1)
        dropped = (await http.post("/dead-letters/drop", json=command)).json()
        assert dropped["letters"] == 1
        assert (await http.get("/dead-letters")).json()["total"] == 0


async def scale_up(stack: Stack) -> None:
    """Four replicas share one durable consumer; all of them get to work."""
    up = ("up", "--detach", "--wait", "--no-build", "--no-recreate", "--scale", "embedding=4")
    await stack.compose(*up)
    replicas = await stack.containers("embedding")
    assert len(replicas) == 4
    for number in range(40):
        for one in range(10):
            write_source(stack.runs / f"scaled-{number}" / f"{one}.jsonl", 10, f"agent {one}")
        await check_map(stack)
        done = [await stack.counted(one, "mapstream_records_published_total") for one in replicas]
        if all(done):
            return
    pytest.fail(f"records embedded by each replica: {done}")


async def kill_everything_once(stack: Stack) -> None:
    """The engine starts again what dies by itself."""
    for service in STAGES:
        container, *_ = await stack.containers(service)
        before = (await stack.inspect(container))["RestartCount"]
        await stack.kill(container, f"services.{service}")
        async with asyncio.timeout(120):
            while (await stack.inspect(container))["RestartCount"] == before:
                await asyncio.sleep(0.2)


async def upgrade_projection(stack: Stack) -> None:
    others = {name: await stack.containers(name) for name in RUNNING if name != "projection"}
    image = await stack.upgrade("projection")
    (container,) = await stack.containers("projection")
    assert (await stack.inspect(container))["Config"]["Image"] == image
    assert others == {name: await stack.containers(name) for name in others}


async def while_records_flow(stack: Stack, word: str, act: Callable[[], Any]) -> None:
    """Do something to the stack while a writer adds sources, and some more after it."""
    has_acted = asyncio.Event()

    async def write() -> None:
        number, left = 0, 10
        while left:
            write_source(stack.runs / word / f"{number}.jsonl", 20, f"{word} {number % 7}")
            number += 1
            left -= has_acted.is_set()
            await asyncio.sleep(0.2)

    async with asyncio.TaskGroup() as group:
        group.create_task(write())
        await asyncio.sleep(1)
        await act()
        has_acted.set()
    await check_map(stack)
