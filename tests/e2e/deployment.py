"""The services as a container runs them: each a process, started again when it ends."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from services.cli.adapters.ports import kept_port
from tests.nats_server import NatsServer

SERVICES = ("discovery", "embedding", "projection", "writing")
PATIENCE_S = 180.0


@dataclass
class Deployment:
    folder: Path
    nats: NatsServer
    nats_port: int
    text2vec_port: int
    more: dict[str, str] = field(default_factory=dict)
    processes: dict[str, asyncio.subprocess.Process] = field(default_factory=dict)
    ended: list[tuple[str, int]] = field(default_factory=list)
    _keeping: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    @property
    def sources(self) -> Path:
        return self.folder / "runs"

    @property
    def output(self) -> Path:
        return self.folder / "out"

    def environment(self) -> dict[str, str]:
        sources = f'[{{"path": "{self.sources}"}}]'
        return os.environ | {
            "MAPSTREAM_NATS__URL": f"nats://127.0.0.1:{self.nats_port}",
            "MAPSTREAM_STATE__FOLDER": str(self.folder / "state"),
            "MAPSTREAM_OUTPUT__FOLDER": str(self.output),
            "MAPSTREAM_INGESTION__SOURCES": sources,
            "MAPSTREAM_INGESTION__TRIGGER__DEBOUNCE_S": "0.2",
            "MAPSTREAM_TEXT2VEC__PORT": str(self.text2vec_port),
            "MAPSTREAM_EMBEDDING__URL": f"http://127.0.0.1:{self.text2vec_port}",
            "MAPSTREAM_LOG__FORMAT": "json",
            "OMP_NUM_THREADS": "1",
            **self.more,
        }

    def log(self, service: str) -> str:
        file = self.folder / f"{service}.log"
        return file.read_text() if file.exists() else ""

    def start(self, service: str) -> None:
        self._keeping[service] = asyncio.ensure_future(self._keep(service))

    async def _keep(self, service: str) -> None:
        while self._keeping.get(service) is asyncio.current_task():
            await self._spawn(service)
            code = await self.processes[service].wait()
            if service in self._keeping:
                self.ended.append((service, code))
                await asyncio.sleep(0.3)

    async def _spawn(self, service: str) -> None:
        with (self.folder / f"{service}.log").open("ab") as log:
            self.processes[service] = await asyncio.create_subprocess_exec(
                sys.executable, "-m", f"services.{service}",
                env=self.environment(), stdout=log, stderr=log,
            )  # fmt: skip

    async def stop(self, service: str) -> int:
        """SIGTERM it, do not start it again, and return its exit code."""
        keeping, told = self._keeping.pop(service), None
        async with asyncio.timeout(PATIENCE_S):
            while not keeping.done():
                process = self.processes.get(service)
                if process and process is not told and process.returncode is None:
                    told = process
                    with suppress(ProcessLookupError):
                        process.terminate()
                await asyncio.wait({keeping}, timeout=0.05)
        return await self.processes[service].wait()

    async def apply_streams(self) -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.cli", "streams", "apply", env=self.environment()
        )
        assert await process.wait() == 0

    async def until(self, condition: Callable[[], Any]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not await asyncio.to_thread(condition):
                await asyncio.sleep(0.1)


@asynccontextmanager
async def deployment(folder: Path, **more: str) -> AsyncIterator[Deployment]:
    with kept_port() as port, kept_port() as text2vec_port:
        server = NatsServer(folder / "nats", port=port)
        one = Deployment(folder, server, port, text2vec_port, more=more)
        one.sources.mkdir(parents=True)
        try:
            yield one
        finally:
            for service in list(one._keeping):
                await one.stop(service)
            await one.nats.stop()
