"""Runs ``mapstream run`` as a process and looks at it from the outside."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from services.cli.commands.local import free_port
from shared.contracts.projection import ProjectionModel

EXAMPLES = Path(__file__).parents[2] / "examples" / "runs"
PATIENCE_S = 100.0


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
    out, err = await process.communicate()
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
        return (self.output / "state" / "nats.url").read_text().strip()

    async def kill(self, service: str) -> None:
        """SIGKILL a service, once it runs."""
        async with asyncio.timeout(PATIENCE_S):
            while (pid := self.pid_of(service)) is None:
                await asyncio.sleep(0.05)
        os.kill(pid, signal.SIGKILL)

    def pid_of(self, service: str) -> int | None:
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                parent = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
                words = (folder / "cmdline").read_bytes().decode().split("\0")
            except (OSError, IndexError):
                continue
            if parent == self.process.pid and (
                f"services.{service}" in words or words[0].endswith(service)
            ):
                return int(folder.name)
        return None

    async def second(self, service: str) -> asyncio.subprocess.Process:
        """Start another copy of a service, by mistake as it were, with the same environment.

        Only its health has another port: with the same it would end at once.
        """
        async with asyncio.timeout(PATIENCE_S):
            while (pid := self.pid_of(service)) is None:
                await asyncio.sleep(0.05)
        words = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
        environment = dict(word.split("=", 1) for word in words if "=" in word)
        environment["MAPSTREAM_HEALTH__PORT"] = "0"
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", f"services.{service}", env=environment,
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip

    async def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        async with asyncio.timeout(40):
            return await self.process.wait()


@asynccontextmanager
async def live_run(sources: Path, output: Path, *options: str) -> AsyncIterator[LiveRun]:
    port = free_port()
    environment = os.environ | {"MAPSTREAM_GATEWAY__PORT": str(port)}  # runs go side by side here
    process = await asyncio.create_subprocess_exec(
        *command(sources, output, *options), env=environment
    )
    run = LiveRun(process, output, f"http://127.0.0.1:{port}")
    try:
        yield run
    finally:
        if process.returncode is None:
            await run.stop()


def rows(output: Path, collection: str = "default") -> list[dict[str, Any]]:
    file = output / collection / "logs.parquet"
    return read_table(file).to_pylist() if file.exists() else []


def read_table(file: Path) -> pa.Table:
    """Read a public file as a reader should while it may be replaced: opened once.

    Given a path, Arrow opens it twice, and the second time may find the next file.
    """
    with file.open("rb") as opened:
        return pq.read_table(opened)


async def wait_for_rows(output: Path, is_enough: Any) -> list[dict[str, Any]]:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            found = await asyncio.to_thread(rows, output)
            if is_enough(found):
                return found
            await asyncio.sleep(0.1)


def check_coordinates(output: Path, collection: str = "default") -> ProjectionModel:
    """Every point is the image of its stored vector under the model that the file carries."""
    folder = output / collection
    logs = read_table(folder / "logs.parquet").sort_by("id")
    vectors = read_table(folder / "embeddings.parquet").sort_by("id")
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
