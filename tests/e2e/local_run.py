"""Runs ``mapstream run`` as a process and looks at it from the outside."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import nats
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from services.cli.adapters.ports import kept_port
from services.cli.commands.watcher import Watcher
from services.cli.handlers.figures import Figures
from shared.contracts.projection import ProjectionModel

EXAMPLES = Path(__file__).parents[2] / "examples" / "runs"
PATIENCE_S = 180.0


@dataclass(frozen=True)
class Finished:
    code: int
    summary: dict[str, Any]
    text: str


async def run_once(sources: Path, output: Path, *options: str) -> Finished:
    process = await asyncio.create_subprocess_exec(
        *command(sources, output, "--once", "--json", *options),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await process.communicate()
    finally:
        await end(process)
    text = err.decode()
    return Finished(process.returncode or 0, json.loads(out) if out.strip() else {}, text)


def command(sources: Path, output: Path, *options: str) -> Sequence[str]:
    mapstream = [sys.executable, "-m", "services.cli"]
    return [*mapstream, "run", str(sources), "--output", str(output), *options]


@dataclass(frozen=True)
class LiveRun:
    process: asyncio.subprocess.Process
    output: Path
    gateway: str

    @property
    def url(self) -> str:
        file = self.output / "state" / "nats.url"
        return file.read_text().strip() if file.exists() else ""

    async def kill(self, service: str) -> None:
        """SIGKILL a service, once it runs."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                pid = await self.running(service)
                with suppress(ProcessLookupError):  # it has just ended, and is started again
                    os.kill(pid, signal.SIGKILL)
                    return

    async def running(self, service: str) -> int:
        """Return the pid of a service, once it runs."""
        async with asyncio.timeout(PATIENCE_S):
            while (pid := self.pid_of(service)) is None:
                await asyncio.sleep(0.05)
        return pid

    def pid_of(self, service: str) -> int | None:
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                parent = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
                words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
            except (OSError, IndexError):
                continue
            if parent == self.process.pid and (
                f"services.{service}" in words or words[0].endswith(service)
            ):
                return int(folder.name)
        return None

    @asynccontextmanager
    async def second(self, service: str) -> AsyncIterator[asyncio.subprocess.Process]:
        """Run another copy of a service, by mistake as it were, with the same environment.

        Only its health has another port: with the same it would end at once.
        """
        pid = await self.running(service)
        words = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
        environment = dict(word.split("=", 1) for word in words if "=" in word)
        environment["MAPSTREAM_HEALTH__PORT"] = "0"
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", f"services.{service}", env=environment,
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            yield process
        finally:
            await end(process)
            await process.communicate()

    async def settled(self, mapped: int) -> Figures:
        """Wait until so many records are mapped, nothing is on its way, and the files show it.

        The files alone tell less: news of them, ledger and figures come a little later.
        """
        async with asyncio.timeout(PATIENCE_S):
            while not self.url:
                await asyncio.sleep(0.1)
        client = await nats.connect(self.url, connect_timeout=PATIENCE_S)
        watcher = Watcher(client, "default")
        try:
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    now = await watcher.look(is_patient=True)
                    if now.ledger.records.mapped == mapped and now.is_drained and now.is_published:
                        return now
                    await asyncio.sleep(0.1)
        finally:
            await client.close()

    async def http(self) -> None:
        """Wait until the gateway answers: the pipeline may be at work before it is."""
        async with (
            asyncio.timeout(PATIENCE_S),
            httpx.AsyncClient(base_url=self.gateway, timeout=PATIENCE_S) as client,
        ):
            while True:
                with suppress(httpx.TransportError):
                    if (await client.get("/health")).is_success:
                        return
                await asyncio.sleep(0.1)

    async def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        async with asyncio.timeout(PATIENCE_S):
            return await self.process.wait()


@asynccontextmanager
async def live_run(sources: Path, output: Path, *options: str) -> AsyncIterator[LiveRun]:
    with kept_port() as port:  # runs go side by side here
        environment = os.environ | {
            "MAPSTREAM_GATEWAY__PORT": str(port),
            "MAPSTREAM_GATEWAY__PATIENCE_S": str(PATIENCE_S),
        }
        process = await asyncio.create_subprocess_exec(
            *command(sources, output, *options), env=environment
        )
        run = LiveRun(process, output, f"http://127.0.0.1:{port}")
        try:
            yield run
        finally:
            await end(process)


async def end(process: asyncio.subprocess.Process) -> None:
    """Leave nothing behind: stop a process that still runs, by force if it takes long."""
    for number in (signal.SIGINT, signal.SIGKILL):
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.send_signal(number)
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), 60)


def rows(output: Path, collection: str = "default") -> list[dict[str, Any]]:
    file = output / collection / "logs.parquet"
    return read_table(file).to_pylist() if file.exists() else []


def read_table(file: Path) -> pa.Table:
    """Read a public file as a reader should while it may be replaced: opened once.

    Given a path, Arrow opens it twice, and the second time may find the next file.
    """
    with file.open("rb") as opened:  # Arrow takes no path that is no UTF-8
        return pq.ParquetFile(pa.BufferReader(opened.read())).read()


def read_pair(output: Path, collection: str = "default") -> tuple[pa.Table, pa.Table]:
    """Read both public files of one version, sorted by id; each is replaced by itself."""
    names, key = ("logs.parquet", "embeddings.parquet"), b"mapstream.dataset_version"
    end_s = time.monotonic() + PATIENCE_S
    while True:
        logs, vectors = (read_table(output / collection / name).sort_by("id") for name in names)
        if logs.schema.metadata[key] == vectors.schema.metadata[key]:
            return logs, vectors
        assert time.monotonic() < end_s, "the files stay of two versions"
        time.sleep(0.05)


async def wait_for_rows(output: Path, is_enough: Any) -> list[dict[str, Any]]:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            found = await asyncio.to_thread(rows, output)
            if is_enough(found):
                return found
            await asyncio.sleep(0.1)


def check_coordinates(output: Path, collection: str = "default") -> ProjectionModel:
    """Every point is the image of its stored vector under the model that the file carries."""
    logs, vectors = read_pair(output, collection)
    assert logs["id"].equals(vectors["id"])
    model = ProjectionModel.model_validate_json(logs.schema.metadata[b"mapstream.model"])
    wanted = model.plane().project(np.stack(vectors["vector"].to_numpy()))
    found = np.column_stack([logs["projection_x"], logs["projection_y"]])
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-6)
    return model


def expected_records(folder: Path) -> dict[str, str]:
    """Read the logs again, in the plainest way: record id to text, of complete sources."""
    expected: dict[str, str] = {}
    for path in sorted(folder.rglob("*.jsonl")):
        entries = [parsed(line) for line in path.read_text().split("\n") if line.strip()]
        if entries[-1].get("final_answer") is None:
            continue
        name = path.relative_to(folder).as_posix()
        seen: dict[int, int] = {}
        for entry in entries:
            if entry.get("type") != "iteration" or not (entry.get("response") or "").strip():
                continue
            number = entry["iteration"]
            idx = seen.get(number, 0)
            seen[number] = idx + 1
            expected[sha256(f"{name}:{number}:{idx}".encode()).hexdigest()] = entry["response"]
    return expected


def parsed(line: str) -> dict[str, Any]:
    try:
        return json.loads(line)
    except ValueError:
        return {}


def write_source(path: Path, records: int, word: str) -> None:
    lines = [
        {"type": "iteration", "iteration": i + 1, "timestamp": "2026-01-01T00:00:00",
         "response": f"{word} thinks about step {i} of {path.stem} and {i * 7919 % 101} more"}
        for i in range(records)
    ]  # fmt: skip
    lines[-1]["final_answer"] = "done"
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".part")
    beside.write_text("".join(json.dumps(line) + "\n" for line in lines))
    beside.rename(path)
