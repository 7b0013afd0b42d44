"""A real run, scraped by a real Prometheus that has our rules and answers our dashboard."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from services.cli.adapters.ports import kept_port
from services.cli.commands.local_pipeline import TARGETS_FILE
from tests.e2e.local_run import live_run, wait_for_rows, write_source
from tests.unit.monitoring.test_rules_and_dashboard import FOLDER, RULES, asks

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(
        shutil.which("prometheus") is None, reason="prometheus is not installed (a Debian package)"
    ),
]
PATIENCE_S = 200.0
RULE_FILES = ["expected.yml", "alerts.yml"]
ONLY_WITH_TLS = "Certificates end in"
SERVICES = {"discovery", "embedding", "projection", "writing", "text2vec", "gateway"}


@asynccontextmanager
async def prometheus(
    folder: Path, targets: Path, *, every_s: int = 1
) -> AsyncIterator[httpx.AsyncClient]:
    """Run Prometheus with the project's rules; gives a client of its API."""
    folder.mkdir()
    for file in RULE_FILES:
        shutil.copy(FOLDER / file, folder)
    job = {"job_name": "mapstream", "file_sd_configs": [{"files": [str(targets)]}]}
    config = {
        "global": {"scrape_interval": f"{every_s}s", "evaluation_interval": f"{every_s}s"},
        "rule_files": RULE_FILES,
        "scrape_configs": [job],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    with kept_port() as port:
        address = f"127.0.0.1:{port}"
        with (folder / "log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                "prometheus",
                f"--config.file={folder}/prometheus.yml",
                f"--storage.tsdb.path={folder}/data",
                f"--web.listen-address={address}",
                stdout=log,
                stderr=log,
            )
        try:
            async with httpx.AsyncClient(base_url=f"http://{address}", timeout=60) as client:
                yield client
        finally:
            process.terminate()
            await process.wait()


async def ask(client: httpx.AsyncClient, path: str, **parameters: str) -> Any:
    """Ask the API, waiting for Prometheus to start."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                answer = await client.get(f"/api/v1/{path}", params=parameters)
            except httpx.TransportError:
                await asyncio.sleep(0.2)
                continue
            if answer.status_code != 503:
                assert answer.status_code == 200, answer.text
                return answer.json()["data"]
            await asyncio.sleep(0.2)


async def value(client: httpx.AsyncClient, expression: str) -> float:
    found = (await ask(client, "query", query=expression))["result"]
    return float(found[0]["value"][1]) if found else 0.0


async def answer_without_host(url: str) -> bytes:
    """Send what the door refuses, so that there is a refusal to be counted."""
    address = httpx.URL(url)
    reader, writer = await asyncio.open_connection(address.host, address.port)
    writer.write(b"GET /health HTTP/1.1\r\n\r\n")
    answer = await reader.readline()
    writer.close()
    return answer


async def figures(client: httpx.AsyncClient) -> dict[str, float]:
    """Ask for what was counted, as it was when each service was scraped last."""
    dead = 'sum(mapstream_dead_records_total{stage="discovery"})'
    return {
        "dead": await value(client, dead),
        "mapped": await value(client, 'mapstream_ledger_records{state="mapped"}'),
        "embedded": await value(client, "sum(mapstream_embedder_texts_total)"),
    }


async def silent(client: httpx.AsyncClient) -> list[tuple[str, str]]:
    """List the panels' expressions that have no data."""
    empty = []
    for title, expression in asks():
        if title == ONLY_WITH_TLS:
            continue
        query = expression.replace("$collection", ".*").replace("$__rate_interval", "1m")
        if not (await ask(client, "query", query=query))["result"]:
            empty.append((title, query))
    return empty


async def test_prometheus_has_data_for_every_panel_and_alert(tmp_path: Path) -> None:
    sources, output = tmp_path / "runs", tmp_path / "out"
    write_source(sources / "first.jsonl", 30, "hello")
    async with live_run(sources, output) as run:
        await wait_for_rows(output, lambda found: len(found) == 30)
        targets = output / "state" / TARGETS_FILE
        told = json.loads(targets.read_text())
        assert {one["labels"]["service"] for one in told} == SERVICES
        async with prometheus(tmp_path / "prometheus", targets) as client:
            async with asyncio.timeout(PATIENCE_S):
                while await value(client, 'sum(up{job="mapstream"})') < len(SERVICES):
                    await asyncio.sleep(0.5)
            for number in range(5):
                write_source(sources / f"{number}.jsonl", 40, f"agent {number}")
            with (sources / "bad.jsonl").open("w") as file:
                file.write('{"type": "iteration", broken\n{"final_answer": "x"}\n')
            await run.http()
            async with httpx.AsyncClient(base_url=run.gateway, timeout=60) as gateway:
                assert (await gateway.get("/health")).status_code == 200
            assert b" 400 " in await answer_without_host(run.gateway)
            async with asyncio.timeout(PATIENCE_S):
                while await value(client, "mapstream_dataset_rows") < 230:
                    await asyncio.sleep(0.5)
                while empty := await silent(client):
                    await asyncio.sleep(1)
            rules = await ask(client, "rules")
            every = [rule for group in rules["groups"] for rule in group["rules"]]
            loaded = [rule for rule in every if rule["type"] == "alerting"]
            wanted = {"dead": 1, "mapped": 230, "embedded": 230}
            async with asyncio.timeout(PATIENCE_S):
                while (counted := await figures(client)) != wanted:
                    await asyncio.sleep(0.5)

    assert empty == []
    assert {rule["name"] for rule in loaded} == {rule["alert"] for rule in RULES}
    assert {rule["health"] for rule in every} == {"ok"}
    assert counted == wanted
    assert not targets.exists()
