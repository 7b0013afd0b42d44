"""The stack of docker-compose.yml, under a name of its own, looked at from the outside."""

import asyncio
import json
import os
import secrets
import shutil
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import nats
from nats.aio.client import Client
from pydantic import SecretStr

from services.cli.adapters.ports import kept_port
from shared.bus.connection import client_options
from shared.services import ALL
from shared.settings import NatsSection

ROOT = Path(__file__).parents[2]
IMAGES = ("nats", "cli", *ALL)
PATIENCE_S = 300.0
KILLED = 137


def why_not() -> str:
    """Say why no stack can be started here; empty if one can."""
    if not shutil.which("docker"):
        return "no docker command"
    for command in (["docker", "version"], ["docker", "compose", "version"]):
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
        if done.returncode:
            return f"'{' '.join(command)}' fails: {done.stderr.strip()[:200]}"
    return ""


class Stack:
    """One project of Docker Compose with folders, ports, passwords and image tags of its own."""

    def __init__(self, folder: Path, *overrides: str) -> None:
        self.name = f"mapstream-test-{secrets.token_hex(4)}"
        self.runs, self.output = folder / "runs", folder / "out"
        self.runs.mkdir()
        self.output.mkdir()
        self.run_as = f"{os.getuid()}:{os.getgid()}" if os.getuid() else "10001:10001"
        self.is_another_user = not os.getuid()
        if self.is_another_user:
            os.chown(self.output, 10001, 10001)
        with kept_port() as self.nats_port, kept_port() as self.gateway_port:
            pass  # Docker binds them in a way of its own
        self.secrets = folder / "secrets"
        self.env_file = folder / "env"
        written = (ROOT / ".env.example").read_text()
        written = written.replace("=./secrets\n", f"={self.secrets}\n")
        written = written.replace("=./mapstream-out\n", f"={self.output}\n")
        self.env_file.write_text(written.replace("RUN_AS=\n", f"RUN_AS={self.run_as}\n"))
        self.write_env()
        self.variables = {
            "LOGS_FOLDER": str(self.runs),
            "OUTPUT_FOLDER": str(self.output),
            "NATS_PORT": str(self.nats_port),
            "GATEWAY_PORT": str(self.gateway_port),
            "IMAGE_TAG": self.name,
        }
        self._tags = {self.name}
        self._overrides = overrides

    def write_env(self) -> None:
        """Do what ``make env`` does, with files of this stack."""
        subprocess.run(
            [ROOT / "deploy/write-env.sh"], check=True, capture_output=True,
            env=os.environ | {"ENV_FILE": str(self.env_file)},
        )  # fmt: skip

    def secret(self, name: str) -> str:
        return (self.secrets / name).read_text().strip()

    async def compose(self, *words: str, **variables: str) -> str:
        """Run a command of Docker Compose; ``variables`` go before those of the stack."""
        files = [part for one in self._overrides for part in ("-f", one)]
        env = ["--env-file", str(self.env_file)]
        base = ["docker", "compose", *env, "-p", self.name, "-f", "docker-compose.yml", *files]
        return await run([*base, *words], os.environ | self.variables | variables)

    async def containers(self, service: str) -> list[str]:
        return (await self.compose("ps", "-q", service)).split()

    async def inspect(self, container: str) -> dict[str, Any]:
        return json.loads(await run(["docker", "inspect", container]))[0]

    async def python(self, container: str, code: str) -> str:
        return await run(["docker", "exec", container, "python", "-c", code])

    async def counted(self, container: str, metric: str) -> float:
        """Add up a metric over its labels, as the container tells it."""
        url = "http://127.0.0.1:9000/metrics"
        code = f"from urllib.request import urlopen; print(urlopen('{url}').read().decode())"
        lines = (await self.python(container, code)).splitlines()
        return sum(float(one.split()[-1]) for one in lines if one.startswith(metric))

    async def kill(self, container: str, module: str) -> None:
        """End a service's process as the kernel does when memory runs out."""
        code = (
            "import contextlib, os, pathlib\n"
            "for one in pathlib.Path('/proc').glob('[0-9]*'):\n"
            "    with contextlib.suppress(OSError):  # it may end while it is looked at\n"
            "        words = (one / 'cmdline').read_bytes().split(b'\\0')\n"
            f"        if words[:3] == [b'python', b'-m', b'{module}']:\n"
            "            os.kill(int(one.name), 9)\n"
        )
        # With its process the container ends, and often this command before it is done.
        await run(["docker", "exec", container, "python", "-c", code], codes=(0, KILLED))

    async def upgrade(self, service: str, *options: str) -> str:
        """Put another image in the place of a service's; the others are left alone."""
        tag = f"{self.name}-next"
        self._tags.add(tag)
        image = f"mapstream-{service}"
        dockerfile = f"FROM {image}:{self.name}\nLABEL mapstream.upgraded=yes\n"
        await run(["docker", "build", "-q", "-t", f"{image}:{tag}", "-"], told=dockerfile)
        up = ("up", "--detach", "--wait", "--no-build", "--no-deps", *options, service)
        await self.compose(*up, IMAGE_TAG=tag)
        return f"{image}:{tag}"

    @asynccontextmanager
    async def bus(self, user: str) -> AsyncIterator[Client]:
        section = NatsSection(
            url=f"nats://127.0.0.1:{self.nats_port}",
            user=user,
            password=SecretStr(self.secret(f"nats-{user}-password")),
        )
        client = await nats.connect(**client_options(section), max_reconnect_attempts=-1)
        try:
            yield client
        finally:
            await client.close()

    def http(self) -> httpx.AsyncClient:
        """Make a client of the gateway that may do everything."""
        token = {"Authorization": f"Bearer {self.secret('gateway-token')}"}
        url = f"http://127.0.0.1:{self.gateway_port}"
        return httpx.AsyncClient(base_url=url, headers=token, timeout=60)

    async def mapstream(self, *words: str) -> str:
        return await self.compose("run", "--rm", "--no-deps", "-T", "mapstream", *words)

    async def settled(self, records: int) -> dict[str, Any]:
        """Wait until so many records are mapped and the files show them; return the status."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    now = json.loads(await self.mapstream("status", "--json"))
                except AssertionError:  # a stage is away, which is what tests do to it
                    now = {}
                if now and now["records"]["mapped"] == records and is_shown(now):
                    return now
                await asyncio.sleep(1)

    async def left(self) -> list[str]:
        """List what is still there of this stack: containers, volumes, networks."""
        mine = ["--filter", f"label=com.docker.compose.project={self.name}", "--quiet"]
        kinds = (["ps", "--all"], ["volume", "ls"], ["network", "ls"])
        return [one for kind in kinds for one in (await run(["docker", *kind, *mine])).split()]

    async def remove(self) -> None:
        """Remove the containers, networks and volumes of this stack, and its images."""
        await self.compose("--profile", "*", "down", "--volumes", "--remove-orphans")
        images = [f"mapstream-{image}:{tag}" for image in IMAGES for tag in self._tags]
        known = (
            await run(["docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}"])
        ).split()
        if mine := sorted(set(images) & set(known)):
            await run(["docker", "image", "rm", *mine])


def is_shown(status: Mapping[str, Any]) -> bool:
    """Tell whether the public files hold everything, with the newest model."""
    files, records = status["dataset"], status["records"]
    is_current = files["model_version"] == status["model"]["version"]
    return files["is_fresh"] and is_current and not records["in_flight"]


async def run(
    command: Sequence[str],
    environment: Mapping[str, str] | None = None,
    told: str = "",
    codes: Sequence[int] = (0,),
) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, env=environment, cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate(told.encode())
    assert process.returncode in codes, f"{' '.join(command)}:\n{err.decode()[-4000:]}"
    return out.decode()
