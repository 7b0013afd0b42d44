"""What a change of sources costs all services together: ``python -m tests.bench.changes [OTHER]``.

Two changes, each while everything runs: one line more at the end of a log of so many records and
of a short one in the same map, with a plain hash of the long file as the reference; and so many
logs of one record that are all replaced. Told is CPU of all processes, from the change until the
public file shows it and nothing more is done for it, without what they spend when nothing happens.

Of another program, the root of a work tree of it, the replacement is timed, too, and the ratio
told; one is measured after the other. Writes JSON.
"""

import argparse
import asyncio
import json
import os
import resource
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from services.cli.adapters.ports import kept_port
from tests.e2e.local_run import rows

HERE = Path(__file__).parents[2]
QUIET_S, LOOK_S, PATIENCE_S = 5.0, 0.2, 3600.0
REST = 0.2
"""Share of a core below which all services together do nothing for a change any more."""
SHORT = 100
ROUNDS = 3


@dataclass(frozen=True)
class Run:
    """A program that is at work, and what it costs."""

    pid: int
    output: Path

    def cpu_s(self) -> float:
        """Return the CPU time of it and of all its children, in seconds."""
        tick, total = os.sysconf("SC_CLK_TCK"), 0
        parents = dict[int, tuple[int, int]]()
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                words = stat.read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            parents[int(stat.parent.name)] = (int(words[1]), sum(map(int, words[11:15])))
        for pid in parents:
            one = pid
            while one in parents and one != self.pid:
                one = parents[one][0]
            total += parents[pid][1] if one == self.pid else 0
        return total / tick

    async def shows(self, texts: set[str]) -> None:
        """Wait until the public file has exactly these texts."""
        async with asyncio.timeout(PATIENCE_S):
            while {row["text"] for row in rows(self.output)} != texts:
                await asyncio.sleep(LOOK_S)

    async def quiet(self) -> "Spent":
        """Wait until next to nothing is done; returns what was spent until then."""
        before = self.cpu_s()
        while True:
            began = time.monotonic()
            await asyncio.sleep(QUIET_S)
            now, took = self.cpu_s(), time.monotonic() - began
            if now - before < REST * took:
                return Spent(now, time.monotonic(), (now - before) / took)
            before = now


@dataclass(frozen=True)
class Spent:
    """What a program has spent, and spends while nothing happens."""

    cpu_s: float
    at_s: float
    idle: float

    def until(self, end: "Spent") -> float:
        """Return the CPU time that went into something else than being there, in seconds."""
        return end.cpu_s - self.cpu_s - (end.at_s - self.at_s) * (self.idle + end.idle) / 2


@asynccontextmanager
async def running(program: Path, folder: Path) -> AsyncIterator[Run]:
    with kept_port() as port:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.cli", "run", str(folder / "runs"),
            "--output", str(folder / "out"), cwd=program,
            env=os.environ | {"MAPSTREAM_GATEWAY__PORT": str(port), "PYTHONPATH": str(program)},
            stderr=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            yield Run(process.pid, folder / "out")
        finally:
            process.send_signal(signal.SIGINT)
            await process.wait()


def line(text: str) -> str:
    entry = {"type": "iteration", "iteration": 0, "response": text, "final_answer": "done"}
    return json.dumps(entry) + "\n"


def write(folder: Path, name: str, texts: list[str]) -> None:
    """Put a log in place of one, whole."""
    folder.mkdir(parents=True, exist_ok=True)
    beside = folder / f"{name}.new"
    beside.write_text("".join(map(line, texts)))
    beside.replace(folder / f"{name}.jsonl")


async def extended(records: int) -> dict[str, float]:
    """Append a line to a long log and to a short one beside it, in turn; returns CPU seconds."""
    os.environ["MAPSTREAM_INGESTION__COMPLETE_WHEN"] = "any_line"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        texts = set[str]()
        for log, count in (("long", records), ("short", SHORT)):
            some = [f"record {number} of the {log} log" for number in range(count)]
            write(folder / "runs", log, some)
            texts.update(some)
        costs = dict[str, list[float]](long=[], short=[])
        async with running(HERE, folder) as run:
            await run.shows(texts)
            for number in range(ROUNDS):
                for log, spent in costs.items():
                    before = await run.quiet()
                    text = f"one more, {number} of the {log} log"
                    texts.add(text)
                    with (folder / "runs" / f"{log}.jsonl").open("a") as file:
                        file.write(line(text))
                    await run.shows(texts)
                    spent.append(before.until(await run.quiet()))
        started = resource.getrusage(resource.RUSAGE_SELF).ru_utime
        sha256((folder / "runs" / "long.jsonl").read_bytes())
        hashed = resource.getrusage(resource.RUSAGE_SELF).ru_utime - started
    del os.environ["MAPSTREAM_INGESTION__COMPLETE_WHEN"]
    return {log: statistics.median(spent) for log, spent in costs.items()} | {"hash": hashed}


async def replaced(program: Path, logs: int) -> float:
    """Replace all of so many logs of one record; returns the CPU of that, in seconds."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in range(logs):
            write(folder / "runs", f"log{number}", [f"log {number}, first"])
        async with running(program, folder) as run:
            await run.shows({f"log {number}, first" for number in range(logs)})
            before = await run.quiet()
            started = time.monotonic()
            for number in range(logs):
                write(folder / "runs", f"log{number}", [f"log {number}, second"])
            await run.shows({f"log {number}, second" for number in range(logs)})
            took = time.monotonic() - started
            spent = before.until(await run.quiet())
    sys.stderr.write(f"{program.name}: {logs} replaced in {took:.0f} s, {spent:.1f} s of CPU\n")
    return spent


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("other", nargs="*", type=Path)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--logs", type=int, default=3000)
    options = parser.parse_args()
    if options.records:
        cpu_s = await extended(options.records)
        ratio = cpu_s["long"] / (1.25 * cpu_s["short"] + cpu_s["hash"])
        told = {"what": "a line more", "records": options.records, "cpu_s": cpu_s}
        sys.stdout.write(json.dumps(told | {"of_allowed": round(ratio, 3)}) + "\n")
        sys.stdout.flush()
    if options.logs:
        programs = [HERE, *options.other]
        spent = {one: await replaced(one.resolve(), options.logs) for one in programs}
        ratios = [round(spent[HERE] / spent[one], 3) for one in options.other]
        replaced_told = {"what": "replaced", "logs": options.logs, "cpu_s": spent[HERE]}
        sys.stdout.write(json.dumps(replaced_told | {"ratios": ratios}) + "\n")


if __name__ == "__main__":
    asyncio.run(main())
