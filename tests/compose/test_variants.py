"""What changes docker-compose.yml: a cluster, TLS, an analysis service beside it, replicas."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme

from shared.bus.connection import jetstream
from shared.bus.registry.streams import STREAMS
from tests.compose.stack import PATIENCE_S, Stack, why_not
from tests.compose.test_stack import check_map
from tests.e2e.local_run import EXAMPLES, rows, write_source

REASON = why_not()
pytestmark = [
    pytest.mark.compose,
    pytest.mark.e2e,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(bool(REASON), reason=f"no Docker engine answers: {REASON}"),
]


@asynccontextmanager
async def running(stack: Stack, *options: str) -> AsyncIterator[Stack]:
    for file in EXAMPLES.glob("*.jsonl"):
        shutil.copy(file, stack.runs)
    try:
        await stack.compose("build", "--quiet")
        await stack.compose("up", "--detach", "--wait", "--no-build", *options)
        yield stack
    finally:
        await stack.remove()


async def test_a_cluster_goes_on_without_one_of_its_servers(tmp_path: Path) -> None:
    async with running(Stack(tmp_path, "deploy/compose.cluster.yml")) as stack:
        await check_map(stack)
        async with stack.bus("operator") as operator:
            for stream in STREAMS:
                told = await jetstream(operator, timeout_s=120).stream_info(stream.name)
                assert told.config.num_replicas == 3
                assert told.cluster
                assert len(told.cluster.replicas or ()) == 2

        await stack.compose("kill", "nats-2")
        for number in range(20):
            write_source(stack.runs / "without" / f"{number}.jsonl", 10, f"agent {number}")
        await check_map(stack)
        await stack.compose("start", "nats-2")
        await stack.compose("kill", "nats-3")
        write_source(stack.runs / "without" / "last.jsonl", 10, "agent")
        await check_map(stack)


async def test_files_are_read_by_an_analysis_service_that_has_the_same_volume(
    tmp_path: Path,
) -> None:
    stack = Stack(tmp_path)
    stack.variables |= {
        "COMPOSE_PROFILES": "analysis",
        "ML_ANALYZE_URL": "http://analysis:8001",
    }
    items = b"name,text\nAda,wrote the program\nAlan,asked whether it halts\n"
    async with running(stack), stack.http() as http:
        await check_map(stack)
        answer = await http.post(
            "/api/collections/default/sources",
            files={"files": ("items.csv", items)},
            headers={"X-Mapstream-Upload": "1"},
        )
        assert answer.status_code == 202, answer.text
        (taken,) = answer.json()["files"]
        async with asyncio.timeout(PATIENCE_S):
            while (job := (await http.get(f"/api/jobs/{taken['job']}")).json()["items"][0])[
                "state"
            ] in ("queued", "running"):
                await asyncio.sleep(0.5)
            assert job["state"] == "succeeded", job
            told = job["analysis"]
            assert (told["phase"], told["items_processed"]) == ("complete", 2)
            while (found := texts_of(stack, "items.csv")) != {
                "wrote the program": {"key": "2", "name": "Ada"},
                "asked whether it halts": {"key": "3", "name": "Alan"},
            }:
                await asyncio.sleep(0.5)
        (container,) = await stack.containers("analysis")
        code = "import pathlib; print(len([*pathlib.Path('/state/analysis').glob('*.json')]))"
        kept = await stack.python(container, code)

    assert len(found) == 2
    assert int(kept) == 1


def texts_of(stack: Stack, filename: str) -> dict[str, object]:
    """Read the public file: of a source, each text and what the analysis told beside it."""
    return {
        one["text"]: json.loads(one["attributes"])
        for one in rows(stack.output)
        if one["filename"] == filename
    }


async def test_two_of_each_share_the_map_and_one_goes_on_alone(tmp_path: Path) -> None:
    services = ("projection", "writing")
    two = [part for one in services for part in ("--scale", f"{one}=2")]
    async with running(Stack(tmp_path), *two) as stack:
        await check_map(stack)
        for number in range(10):
            write_source(stack.runs / "more" / f"{number}.jsonl", 10, f"agent {number}")
        for service in services:
            containers = await stack.containers(service)
            assert len(containers) == 2
            await stack.kill(containers[0], f"services.{service}")
        await check_map(stack)


async def test_the_stack_speaks_tls(tmp_path: Path) -> None:
    stack = Stack(tmp_path, "deploy/compose.tls.yml")
    folder = tmp_path / "certificates"
    folder.mkdir()
    authority = trustme.CA()
    server = authority.issue_cert("nats", "localhost", "127.0.0.1")
    authority.cert_pem.write_to_path(folder / "ca.crt")
    server.private_key_pem.write_to_path(folder / "server.key")
    for part in server.cert_chain_pems:
        part.write_to_path(folder / "server.crt", append=True)
    key = folder / "server.key"
    key.chmod(0o600)
    stack.variables["CERTIFICATES_FOLDER"] = str(folder)
    if stack.is_another_user:
        await check_the_key_that_cannot_be_read(stack)
    folder.chmod(0o700)
    for file in folder.iterdir():
        file.chmod(0o644)

    async with running(stack):
        await check_map(stack)
        logs = await stack.compose("logs", "nats")
        reader, writer = await asyncio.open_connection("127.0.0.1", stack.nats_port)
        greeting = await asyncio.wait_for(reader.readline(), 30)
        writer.close()

    assert b'"tls_required":true' in greeting
    assert "TLS required for client connections" in logs


async def check_the_key_that_cannot_be_read(stack: Stack) -> None:
    """The server says whose it has to be, instead of an error of OpenSSL."""
    await stack.compose("build", "--quiet", "nats")
    await stack.compose("up", "--detach", "--no-build", "nats")
    async with asyncio.timeout(120):
        while "may not read /certificates/server.key" not in (
            told := await stack.compose("logs", "nats")
        ):
            await asyncio.sleep(0.5)
    await stack.compose("down", "--volumes")
    assert "chmod 644" in told
