"""Kills and stops processes at random while records flow: ``make chaos SEED=7 FAULTS=40``.

Everything is real: processes, server, model, files. The same seed injects the same faults in the
same order; when exactly each hits is up to the machine. At the end the files are compared with the
logs, read again in the plainest way.
"""

import argparse
import asyncio
import collections
import json
import os
import random
import signal
import sys
import tempfile
from pathlib import Path

import nats
from nats.errors import Error as NatsError

from services.cli.commands.watching import Watcher
from tests.e2e.local_run import (
    LiveRun,
    check_coordinates,
    expected_records,
    live_run,
    rows,
    run_once,
    wait_for_rows,
    write_source,
)
from tests.e2e.test_commands import check_exact

SERVICES = ("discovery", "embedding", "projection", "writing", "text2vec", "nats-server")
STOPPED_S = 20.0
"""Longer than the server waits for a sign of life of a message's handler."""
PATIENCE_S = 300.0


class Chaos:
    """One run with its faults."""

    def __init__(self, run: LiveRun, folder: Path, seed: int) -> None:
        self._run = run
        self._folder = folder
        self._random = random.Random(seed)
        self.injected: collections.Counter[str] = collections.Counter()

    async def inject(self, faults: int) -> None:
        for number in range(faults):
            service = self._random.choice(SERVICES)
            kind = self._random.choices(
                ("kill", "stop", "refit", "rollback", "change"), (10, 2, 3, 2, 3)
            )[0]
            write_source(self._folder / f"run-{number}.jsonl", 40, f"agent {number % 7}")
            if kind == "kill":
                await self._run.kill(service)
                self.injected[f"kill {service}"] += 1
            elif kind == "stop":
                await self._stop(service)
            elif kind == "change":
                old = self._random.randint(0, number)
                write_source(self._folder / f"run-{old}.jsonl", 25, f"changed {number}")
                self.injected["change a source"] += 1
            else:
                await self._command(kind)
            sys.stderr.write(f"{number + 1}/{faults} {kind} {service}\n")
            await asyncio.sleep(self._random.uniform(0.2, 3.0))

    async def _stop(self, service: str) -> None:
        """SIGSTOP a process for longer than ``ack_wait``, then let it go on."""
        pid = self._run.pid_of(service)
        if pid is None:
            return
        os.kill(pid, signal.SIGSTOP)
        await asyncio.sleep(STOPPED_S)
        os.kill(pid, signal.SIGCONT)
        self.injected[f"stop {service}"] += 1

    async def _command(self, kind: str) -> None:
        body = {"force": True} if kind == "refit" else {}
        try:
            client = await nats.connect(self._run.url, connect_timeout=2, allow_reconnect=False)
            await client.jetstream().publish(f"command.{kind}.default", json.dumps(body).encode())
            await client.close()
        except (NatsError, OSError, TimeoutError):
            return  # the server is down: nobody can be asked
        self.injected[kind] += 1


async def settle(run: LiveRun) -> None:
    """Wait until nothing is on its way."""
    client = await nats.connect(run.url, max_reconnect_attempts=-1)
    watcher = Watcher(client, "default")
    async with asyncio.timeout(PATIENCE_S):
        while not (await watcher.look()).is_drained:
            await asyncio.sleep(0.5)
    await client.close()


async def main(seed: int, faults: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder, output = Path(name) / "runs", Path(name) / "out"
        write_source(folder / "first.jsonl", 40, "somebody")
        async with live_run(folder, output) as run:
            chaos = Chaos(run, folder, seed)
            await wait_for_rows(output, lambda found: len(found) == 40)
            await chaos.inject(faults)
            await settle(run)
        finished = await run_once(folder, output)
        expected = expected_records(folder)
        found = rows(output)
        assert len(found) == len({row["id"] for row in found}), "a record is there twice"
        assert {row["id"]: row["text"] for row in found} == expected, "records are lost or old"
        assert finished.summary["records"]["mapped"] == len(expected), finished.text
        assert finished.summary["records"]["in_flight"] == 0, finished.text
        check_coordinates(output)
        check_exact(output)
    report = {
        "seed": seed,
        "records": len(expected),
        "faults": dict(sorted(chaos.injected.items())),
    }
    sys.stdout.write(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", type=int, default=40)
    options = parser.parse_args()
    asyncio.run(main(options.seed, options.faults))
