"""The gateway as a process for other machines, set up as docs/security.md says."""

import asyncio
import json
import os
import re
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
import yaml
from nats.js import JetStreamContext

from shared.bus.topology import apply_topology
from tests.addresses import EVERY_ADDRESS
from tests.nats_server import NatsServer
from tests.waiting import PATIENCE_S

pytestmark = pytest.mark.integration
BASH = "/bin/bash"
ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text()
SHELL = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
YAML = [yaml.safe_load(one) for one in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]


@asynccontextmanager
async def process(
    folder: Path, gateway: dict[str, Any], server: NatsServer
) -> AsyncIterator[asyncio.subprocess.Process]:
    config = folder / "config.yaml"
    config.write_text(
        yaml.safe_dump({"gateway": {"port": 0, **gateway}, "nats": {"url": server.url}})
    )
    plain = {name: value for name, value in os.environ.items() if "MAPSTREAM" not in name}
    started = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.gateway", cwd=folder,
        env=plain | {"MAPSTREAM_CONFIG": str(config), "PYTHONPATH": str(ROOT)},
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield started
    finally:
        if started.returncode is None:
            started.terminate()
            await started.communicate()


async def address_of(started: asyncio.subprocess.Process) -> str:
    assert started.stderr
    async with asyncio.timeout(PATIENCE_S):
        async for line in started.stderr:
            told = json.loads(line)
            if told["event"] == "gateway.listening":
                return told["url"].replace(EVERY_ADDRESS, "127.0.0.1")
    raise AssertionError("it ended")


async def test_the_page_on_security_leads_to_a_guarded_gateway(
    server: NatsServer, js: JetStreamContext, tmp_path: Path
) -> None:
    await apply_topology(js, ["default"])
    make, ask = SHELL
    told = subprocess.run(
        [BASH, "-ec", make], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    gateway = YAML[0]["gateway"]
    gateway["tokens"][1]["sha256"] = told.stdout.strip()
    authority = trustme.CA()
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(
        tmp_path / "both.pem"
    )
    certificate = authority.issue_cert("127.0.0.1")
    certificate.cert_chain_pems[0].write_to_path(tmp_path / "gateway.pem")
    certificate.private_key_pem.write_to_path(tmp_path / "gateway.key")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")

    async with process(tmp_path, gateway, server) as started:
        url = await address_of(started)
        asked = subprocess.run(
            [BASH, "-ec", ask.replace("http://127.0.0.1:8000", url)],
            cwd=tmp_path, capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert json.loads(asked.stdout)[0]["name"] == "default"

    async with process(tmp_path, gateway | YAML[1]["gateway"], server) as started:
        url = await address_of(started)
        assert url.startswith("https://")
        context = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
        async with httpx.AsyncClient(
            base_url=url, verify=context, trust_env=False, timeout=PATIENCE_S
        ) as http:
            token = (tmp_path / "dashboard.token").read_text().strip()
            reader = {"authorization": f"Bearer {token}"}
            assert (await http.get("/collections")).status_code == 401
            answer = await http.get("/collections", headers=reader)
            assert answer.status_code == 200
            assert "strict-transport-security" in answer.headers
            assert (await http.post("/rollback", headers=reader)).status_code == 403
            assert (await http.get("/health")).json()["services"] == {}
        started.terminate()
        _, log = await started.communicate()
        assert token.encode() not in log
        assert (tmp_path / "operator.token").read_bytes().strip() not in log


@pytest.mark.parametrize(
    ("gateway", "remedy"),
    [
        ({"host": EVERY_ADDRESS}, "gateway.tokens"),
        ({"tokens": [{"name": "a", "role": "read", "file": "gone.token"}]}, "gone.token"),
        ({"tls_certificate": "gone.pem", "tls_key": "gone.key"}, "gateway.tls_certificate"),
    ],
)
async def test_a_gateway_that_would_not_be_safe_ends_with_the_remedy(
    server: NatsServer, tmp_path: Path, gateway: dict[str, Any], remedy: str
) -> None:
    async with process(tmp_path, gateway, server) as started:
        _, told = await asyncio.wait_for(started.communicate(), PATIENCE_S)

    assert started.returncode == 2
    assert told.decode().startswith("mapstream: ")
    assert remedy in told.decode()
