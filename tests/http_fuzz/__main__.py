"""Fuzzes the gateway of a whole pipeline: ``make fuzz-http EXAMPLES=500 SEED=1``."""

import argparse
import asyncio
import json
import os
import sys
import tempfile
from pathlib import Path

from tests.e2e.local_run import EXAMPLES, live_run, rows, wait_for_rows
from tests.http_fuzz.attack import TOKEN, attack

GATEWAY = {
    "TOKENS": json.dumps([{"name": "fuzz", "role": "operate", "token": TOKEN}]),
    "REQUESTS_PER_S": "1000000",
    "BURST": "1000000",
    "PATIENCE_S": "2",
    "HEARTBEAT_S": "0.1",
    "MAX_STREAM_S": "0.2",
}


async def main(examples: int, seed: int) -> int:
    os.environ.update({f"MAPSTREAM_GATEWAY__{name}": value for name, value in GATEWAY.items()})
    with tempfile.TemporaryDirectory(prefix="mapstream-fuzz-") as name:
        folder = Path(name)
        async with live_run(EXAMPLES, folder / "out") as run:
            await wait_for_rows(run.output, bool)
            code, told = await attack(
                run.gateway, folder, examples=examples, seed=seed, has_rejections=True
            )
            sys.stdout.write(told)
            log = (run.output / "state" / "logs" / "gateway.log").read_text()
            bugs = [line for line in log.splitlines() if '"level": "error"' in line]
            sys.stdout.write("\n".join(["", f"errors in the gateway's log: {len(bugs)}", *bugs]))
            sys.stdout.write(f"\nrecords on the map after it: {len(rows(run.output))}\n")
    return code or bool(bugs)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    sys.exit(asyncio.run(main(given.examples, given.seed)))
