"""The whole pipeline with the project's nats.conf, every process as its own user."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.cli.adapters.ports import kept_port
from tests.e2e.local_run import (
    EXAMPLES,
    PATIENCE_S,
    check_coordinates,
    end,
    expected_records,
    rows,
    wait_for_rows,
)
from tests.fakes.embedder import FakeEmbedder
from tests.fakes.embedding_server import EmbeddingServer
from tests.nats_server import SecuredNatsServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

SERVICES = ("text2vec", "discovery", "embedding", "projection", "writing", "gateway")
BAD = ("a text that the server refuses", "another that it refuses")
TORN = ('{"type": "iteration", "itera', "no JSON at all")


class Deployment:
    """Processes as docker-compose.yml starts them, each with the password of one user."""

    def __init__(
        self,
        server: SecuredNatsServer,
        folder: Path,
        runs: Path,
        ports: tuple[int, int],
        **more: str,
    ) -> None:
        self.server = server
        self.output = folder / "out"
        embedder, self.gateway_port = ports
        self._logs = folder / "logs"
        self._common = {
            "MAPSTREAM_STATE__FOLDER": str(folder / "state"),
            "MAPSTREAM_OUTPUT__FOLDER": str(self.output),
            "MAPSTREAM_INGESTION__SOURCES": json.dumps([{"path": str(runs)}]),
            "MAPSTREAM_TEXT2VEC__PORT": str(embedder),
            "MAPSTREAM_EMBEDDING__URL": f"http://127.0.0.1:{embedder}",
            "MAPSTREAM_GATEWAY__PORT": str(self.gateway_port),
            "MAPSTREAM_GATEWAY__PATIENCE_S": str(PATIENCE_S),
            "OPENBLAS_NUM_THREADS": "1",
            **more,
        }

    def environment(self, user: str) -> Mapping[str, str]:
        password = self.server.passwords.get(user)
        login = {"MAPSTREAM_NATS__USER": user, "MAPSTREAM_NATS__PASSWORD": password or ""}
        bus = {"MAPSTREAM_NATS__URL": self.server.url}
        return dict(os.environ) | self._common | bus | (login if password else {})

    async def mapstream(self, *words: str, user: str = "operator") -> tuple[int, str]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.cli", *words, env=self.environment(user),
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, _ = await process.communicate()
        return process.returncode or 0, out.decode()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        self._logs.mkdir()
        processes = []
        for name in SERVICES:
            command = [sys.executable, "-m", f"services.{name}"]
            with (self._logs / name).open("wb") as log:
                process = await asyncio.create_subprocess_exec(
                    *command, env=self.environment(name), stdout=log, stderr=log
                )
            processes.append(process)
        try:
            yield
            for process in processes:
                if process.returncode is None:
                    process.terminate()
            codes = [await process.wait() for process in processes]
            assert codes == [0] * len(SERVICES)
        finally:
            for process in processes:
                await end(process)

    def refusals(self) -> list[str]:
        logs = [self.server.log, *self._logs.iterdir()]
        lines = [line for log in logs for line in log.read_text().splitlines()]
        return [line for line in lines if "violation" in line.lower()]

    async def status(self) -> dict[str, Any]:
        code, out = await self.mapstream("status", "--json")
        return json.loads(out) if code == 0 else {}

    async def settled(self, mapped: int) -> dict[str, int]:
        """Wait until so many are mapped and nothing is in flight; return what became of all.

        The files tell of rows a little before the ledger does.
        """
        async with asyncio.timeout(PATIENCE_S):
            while (
                not (now := await self.status())
                or now["records"]["mapped"] != mapped
                or now["records"]["in_flight"]
            ):
                await asyncio.sleep(0.2)
        return now["records"]

    async def dead(self, *words: str) -> dict[str, Any]:
        code, out = await self.mapstream("dead", *words, "--json")
        assert code == 0, out
        return json.loads(out)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[SecuredNatsServer]:
    running = SecuredNatsServer(tmp_path / "nats")
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
def ports() -> Iterator[tuple[int, int]]:
    with kept_port() as first, kept_port() as second:
        yield first, second


async def answering(url: str) -> None:
    """Wait until the gateway answers: it may be started last."""
    async with asyncio.timeout(PATIENCE_S), httpx.AsyncClient(base_url=url) as http:
        while True:
            with suppress(httpx.TransportError):
                await http.get("/health")
                return
            await asyncio.sleep(0.1)


async def test_every_service_does_its_work_with_its_own_permissions(
    server: SecuredNatsServer, ports: tuple[int, int], tmp_path: Path
) -> None:
    """Mapping, commands, bad lines, status and HTTP; the server has nothing to refuse."""
    runs = tmp_path / "runs"
    runs.mkdir()
    for file in EXAMPLES.glob("*.jsonl"):
        (runs / file.name).write_bytes(file.read_bytes())
    spoilt = next(iter(sorted(runs.glob("*.jsonl"))))
    first, rest = spoilt.read_text().split("\n", 1)
    spoilt.write_text(f"{first}\nthis is no JSON\n{rest}")
    deployment = Deployment(server, tmp_path, runs, ports)

    assert (await deployment.mapstream("streams", "apply", user="streams"))[0] == 0
    async with deployment.running():
        expected = set(expected_records(runs))
        await wait_for_rows(
            deployment.output, lambda found: {row["id"] for row in found} == expected
        )
        assert (await deployment.settled(len(expected)))["dead"] == 1
        assert (await deployment.mapstream("streams", "show"))[0] == 0
        assert (await deployment.mapstream("refit", "--force"))[0] == 0
        assert (await deployment.mapstream("rollback"))[0] == 0
        assert (await deployment.mapstream("forget", spoilt.name))[0] == 0
        url = f"http://127.0.0.1:{deployment.gateway_port}"
        await answering(url)
        async with httpx.AsyncClient(base_url=url, timeout=PATIENCE_S) as http:
            assert (await http.post("/recompute-projection")).status_code == 200
            health = (await http.get("/health")).json()
            assert set(SERVICES[1:5]) <= set(str(health).replace("'", " ").split())
            assert (await http.get("/map")).status_code == 200
            waiting = (await http.get("/queues")).json()["items"]
            assert {one["stage"] for one in waiting} >= {"embedding", "projection", "writing"}
            told = (await http.get("/audit")).json()["items"]
            renamed = await http.patch("/api/collections/default", json={"title": "Runs"})
            assert renamed.json()["record"]["title"] == "Runs"
            listed = (await http.get("/api/collections")).json()["items"]
        await wait_for_rows(
            deployment.output,
            lambda found: found and not any(row["filename"] == spoilt.name for row in found),
        )
        code, out = await deployment.mapstream("audit", "--json")
        assert code == 0
        assert json.loads(out)["items"][: len(told)] == told
        described = ("collections", "rename", "default", "--description", "All of them")
        assert (await deployment.mapstream(*described))[0] == 0
        code, out = await deployment.mapstream("collections", "list", "--json")
        (record,) = json.loads(out)["collections"]
    check_coordinates(deployment.output)

    assert deployment.refusals() == []
    assert [
        (one["event"]["who"], one["event"]["command"], one["event"]["outcome"]) for one in told
    ] == [
        ("operator", "command.refit", "done"),
        ("operator", "command.rollback", "done"),
        ("operator", "command.forget", "begun"),
        ("gateway:anybody", "command.refit", "done"),
    ]
    assert (await deployment.mapstream("audit", user="observer"))[0] == 1
    assert [one["name"] for one in listed] == ["default"]
    assert record == listed[0] | {"description": "All of them", "revision": 3}


async def test_dead_letters_are_tried_again_and_given_up_within_the_permissions(
    server: SecuredNatsServer, ports: tuple[int, int], tmp_path: Path
) -> None:
    """Two records and two lines die; the operator settles one of each, the gateway the others."""
    runs = tmp_path / "runs"
    runs.mkdir()
    lines = [
        json.dumps({"type": "iteration", "iteration": number, "response": text})
        for number, text in enumerate(["one", BAD[0], "three", BAD[1], "five"])
    ]
    last = json.dumps({"final_answer": "done"})
    (runs / "a.jsonl").write_text("\n".join([*lines, *TORN, last, ""]))
    mind = FakeEmbedder(poison=BAD)
    async with EmbeddingServer(mind).running() as embedder:
        deployment = Deployment(server, tmp_path, runs, ports, MAPSTREAM_EMBEDDING__URL=embedder)
        assert (await deployment.mapstream("streams", "apply", user="streams"))[0] == 0
        async with deployment.running():
            await wait_for_rows(deployment.output, lambda found: len(found) == 3)
            before = await deployment.settled(3)
            mind.poison.clear()
            await settle_as_operator(deployment)
            await settle_over_http(deployment)
            await wait_for_rows(deployment.output, lambda found: len(found) == 5)
            after = await deployment.settled(5)
    assert deployment.refusals() == []

    assert (before["seen"], before["mapped"], before["dead"]) == (7, 3, 4)
    assert (after["seen"], after["mapped"], after["dead"]) == (7, 5, 2)
    texts = {row["text"] for row in rows(deployment.output)}
    assert texts == {"one", "three", "five", *BAD}
    assert (await deployment.mapstream("dead", "list", user="observer"))[0] == 1


async def settle_as_operator(deployment: Deployment) -> None:
    page = await deployment.dead("list")
    numbers = {one["stage"]: str(one["sequence"]) for one in reversed(page["items"])}
    assert len(page["items"]) == 4
    assert (await deployment.dead("show", numbers["discovery"]))["content"] == TORN[0]
    assert (await deployment.dead("show", numbers["embedding"]))["content"][0]["text"] in BAD
    replayed = await deployment.dead("replay", numbers["embedding"])
    assert (replayed["event"]["letters"], replayed["event"]["records"]) == (1, 1)
    dropped = await deployment.dead("drop", numbers["discovery"])
    assert dropped["event"]["letters"] == 1


async def settle_over_http(deployment: Deployment) -> None:
    url = f"http://127.0.0.1:{deployment.gateway_port}"
    await answering(url)
    async with httpx.AsyncClient(base_url=url, timeout=PATIENCE_S) as http:
        page = (await http.get("/dead-letters")).json()
        numbers = {one["stage"]: one["sequence"] for one in page["items"]}
        assert page["total"] == 2
        shown = (await http.get(f"/dead-letters/{numbers['discovery']}")).json()
        assert shown["text"] == TORN[1]
        wish = {"sequences": [numbers["embedding"]]}
        replayed = await http.post("/dead-letters/replay", json=wish)
        assert (replayed.status_code, replayed.json()["records"]) == (200, 1)
        wish = {"sequences": [numbers["discovery"]]}
        dropped = await http.post("/dead-letters/drop", json=wish)
        assert (dropped.status_code, dropped.json()["letters"]) == (200, 1)
        assert (await http.get("/dead-letters")).json()["total"] == 0


async def test_a_service_with_another_services_password_does_nothing(
    server: SecuredNatsServer, ports: tuple[int, int], tmp_path: Path
) -> None:
    """So that a stolen password of one service is not worth the others'."""
    deployment = Deployment(server, tmp_path, tmp_path, ports)
    assert (await deployment.mapstream("streams", "apply", user="streams"))[0] == 0

    assert (await deployment.mapstream("refit", "--timeout", "1", user="observer"))[0] == 1
    assert (await deployment.mapstream("streams", "apply", user="gateway"))[0] == 2
