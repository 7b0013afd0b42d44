"""The price of ``sync_interval: always``: ``python -m tests.bench.sync`` (of ``make bench``).

Publishes batches of the usual size to both kinds of server in turn, four in flight, and tells the
median rates.
"""

import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import nats

from tests.nats_server import NatsServer

INTERVALS = ("2m", "always")
BATCH = os.urandom(128 * 256 * 4 + 64 * 1024)
"""As 128 vectors of 256 dimensions and their texts."""
MESSAGES = 200
IN_FLIGHT = 4
ROUNDS = 7


class SyncingServer(NatsServer):
    def __init__(self, folder: Path, interval: str) -> None:
        super().__init__(folder)
        self._interval = interval

    def _config(self) -> str:
        return (
            super()._config().replace("store_dir", f'sync_interval: "{self._interval}", store_dir')
        )


async def rate(folder: Path, interval: str) -> float:
    """Return messages per second."""
    server = SyncingServer(folder, interval)
    await server.start()
    client = await nats.connect(server.url)
    js = client.jetstream(timeout=30)
    await js.add_stream(name="BENCH", subjects=["bench"])

    async def publish() -> None:
        for _ in range(MESSAGES // IN_FLIGHT):
            await js.publish("bench", BATCH)

    begun = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(IN_FLIGHT):
            group.create_task(publish())
    seconds = time.perf_counter() - begun
    await client.close()
    await server.stop()
    return MESSAGES / seconds


async def measure() -> dict[str, float]:
    found: dict[str, list[float]] = {interval: [] for interval in INTERVALS}
    for _ in range(ROUNDS):
        for interval in INTERVALS:
            with tempfile.TemporaryDirectory() as folder:
                found[interval].append(await rate(Path(folder), interval))
    return {interval: statistics.median(rates) for interval, rates in found.items()}


def main() -> None:
    medians = asyncio.run(measure())
    for interval, median in medians.items():
        sys.stdout.write(f"sync_interval {interval:>6}: {median:.0f} batches/s\n")
    sys.stdout.write(f"ratio {medians['always'] / medians['2m']:.2f}\n")
    sys.stdout.write(json.dumps({"sync": medians}) + "\n")


if __name__ == "__main__":
    main()
