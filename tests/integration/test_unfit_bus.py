"""Servers that no waiting makes fit: told at the start, with code 2 and what helps."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.nats_server import NatsServer
from tests.waiting import PATIENCE_S

pytestmark = pytest.mark.integration
GOOD = "max_payload: 8MB\njetstream { store_dir: STORE }\n"
LIMITED = """\
max_payload: 8MB
jetstream { store_dir: STORE }
accounts {
  OURS { users: [{user: me, password: right}], jetstream: LIMITS }
  SYS { users: [{user: sys, password: sys}] }
}
system_account: SYS
"""
ME = {
    "MAPSTREAM_NATS__USER": "me",
    "MAPSTREAM_NATS__PASSWORD": "right",  # pragma: allowlist secret
}
APPLY = ("services.cli", "streams", "apply")
SERVICES = (("services.discovery",), ("services.gateway",))


class Server(NatsServer):
    """With a configuration of its own."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.text = GOOD

    def _config(self) -> str:
        folder = json.dumps(str(self._folder))
        store = json.dumps(str(self._folder / "store"))
        text = self.text.replace("STORE", store)
        return f"host: 127.0.0.1\nport: {self._port}\nports_file_dir: {folder}\n{text}"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    server = Server(tmp_path / "nats")
    yield server
    await server.stop()


async def said(server: Server, module: tuple[str, ...], **variables: str) -> tuple[int, str]:
    """Run a process to its end; returns its code and the lines that are not of its log."""
    folder = server._folder
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", *module,
        env=os.environ | {
            "MAPSTREAM_NATS__URL": server.url,
            "MAPSTREAM_GATEWAY__PORT": "0",
            "MAPSTREAM_STATE__FOLDER": str(folder / "state"),
            "MAPSTREAM_OUTPUT__FOLDER": str(folder / "out"),
        } | variables,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(PATIENCE_S):
            text = (await process.communicate())[1].decode()
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
    return process.returncode or 0, text


@pytest.mark.parametrize("module", [APPLY, *SERVICES], ids=lambda module: module[0])
@pytest.mark.parametrize(
    ("config", "words"),
    [
        (GOOD.replace("8MB", "1MB"), ["at most 1.00 MiB", "needed: 7.25 MiB", "max_payload: 8MB"]),
        ("max_payload: 8MB\n", ["it has no JetStream", "needed: JetStream", "-js"]),
    ],
    ids=["max_payload", "no JetStream"],
)
async def test_a_server_that_is_not_fit_is_told(
    config: str, words: list[str], module: tuple[str, ...], server: Server
) -> None:
    server.text = config
    await server.start()

    code, text = await said(server, module)

    assert code == 2
    assert text.startswith("mapstream: the bus at nats://127.0.0.1")
    assert all(word in text for word in words), text
    assert len(text.strip().splitlines()) == 1


@pytest.mark.parametrize("command", [("status",), ("top", "--once"), ("streams", "show")])
async def test_who_only_looks_is_told_that_there_is_no_jetstream(
    command: tuple[str, ...], server: Server
) -> None:
    server.text = "max_payload: 8MB\n"
    await server.start()

    code, text = await said(server, ("services.cli", *command))

    assert (code, len(text.strip().splitlines())) == (2, 1)
    assert "it has no JetStream" in text


@pytest.mark.parametrize("module", [APPLY, ("services.cli", "status"), *SERVICES])
async def test_a_wrong_password_is_not_tried_for_ever(
    module: tuple[str, ...], server: Server
) -> None:
    server.text = LIMITED.replace("LIMITS", "enabled")
    await server.start()

    wrong = {"MAPSTREAM_NATS__PASSWORD": "hunter2"}  # pragma: allowlist secret
    code, text = await said(server, module, **ME | wrong)

    assert code == 2
    assert "it refuses user 'me': Authorization Violation; needed: a user and a pass" in text
    assert "hunter2" not in text


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (
            "{max_streams: 3}",
            ["stream ", "maximum number of streams", "raise the account's limit"],
        ),
        ("{max_consumers: 1}", ["consumer ", "maximum consumers limit", "raise the account's"]),
        ("{max_file: 1GB}", ["stream ", "insufficient storage", "retention.*_max_bytes"]),
    ],
)
async def test_what_the_account_does_not_allow_is_told_with_its_limit(
    limits: str, words: list[str], server: Server
) -> None:
    server.text = LIMITED.replace("LIMITS", limits)
    await server.start()

    code, text = await said(server, APPLY, **ME)

    assert code == 2
    assert all(word in text for word in words), text


async def test_an_account_without_jetstream_is_told(server: Server) -> None:
    server.text = LIMITED.replace(", jetstream: LIMITS", "")
    await server.start()

    for module in (APPLY, SERVICES[0]):
        code, text = await said(server, module, **ME)

        assert code == 2
        assert "JetStream" in text


async def test_a_service_that_may_not_ask_for_its_messages_says_so(server: Server) -> None:
    refused = 'permissions: {publish: {deny: ["$JS.API.CONSUMER.>"]}}'
    server.text = LIMITED.replace("LIMITS", "enabled").replace("right}", f"right, {refused}}}")
    await server.start()

    code, text = await said(server, ("services.discovery",), **ME)

    assert code == 2
    assert "permissions violation" in text
    assert "mapstream streams permissions" in text
