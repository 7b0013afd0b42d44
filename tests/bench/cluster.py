"""First records on a cluster of three servers: ``python -m tests.bench.cluster [BUSY] [PAIRS]``.

So many collections are busy: each gets another record whenever all have the one before. Told is
how long it takes until a new record is in the dataset, of a collection that is busy, of one that
rests and of a new one, in turn, while the others go on; and how many records these got. In the end
every dataset is compared with its folder, as an independent reader finds it.
"""

import argparse
import asyncio
import json
import os
import tempfile
from pathlib import Path

import httpx

from services.cli.adapters.ports import kept_port
from tests.bench.resting import PROMPT, RECORDS, firsts, has, make_all, say
from tests.e2e.deployment import SERVICES, deployment
from tests.e2e.local_run import write_source
from tests.integration.test_moving import cluster
from tests.waiting import ended, until

LEFT_ALONE_S = 20
"""Those that are asked after they have rested rest by then."""


async def keep_busy(data: Path, output: Path, names: list[str], done: list[int]) -> None:
    """Give each a record more, again and again, when all have theirs."""
    while True:
        for name in names:
            write_source(data / name / f"more{len(done)}.jsonl", 1, f"{name} goes on")
        await asyncio.gather(*(has(output, name, data / name) for name in names))
        done.append(len(names))


async def measure(folder: Path, busy: int, pairs: int) -> None:
    data = folder / "data"
    resting = [f"rests{number}" for number in range(pairs)]
    working = [f"works{number}" for number in range(busy)]
    for one in (*resting, *working):
        write_source(data / one / "a.jsonl", RECORDS, one)
    async with cluster(*(folder / f"n{number}" for number in range(3))) as members:
        with kept_port() as port:
            more = {
                "MAPSTREAM_NATS__URL": ",".join(one.url for one in members),
                "MAPSTREAM_NATS__REPLICAS": "3",
                "MAPSTREAM_GATEWAY__PORT": str(port),
                "MAPSTREAM_INGESTION__ALLOWED_ROOTS": json.dumps([str(data)]),
            }
            async with deployment(folder, **more) as run:
                write_source(run.sources / "a.jsonl", RECORDS, "a")
                await run.apply_streams()
                for service in (*SERVICES, "text2vec", "gateway"):
                    run.start(service)
                await has(run.output, "default", run.sources)
                url = f"http://127.0.0.1:{port}"
                async with httpx.AsyncClient(base_url=url, timeout=300) as http:
                    await until(lambda: answers(http))
                    say(f"made: {await make_all(http, data, [*resting, *working]):.0f} a second")
                    for one in (*resting, *working):
                        await has(run.output, one, data / one)
                    done: list[int] = []
                    going_on = asyncio.create_task(keep_busy(data, run.output, working, done))
                    await asyncio.sleep(LEFT_ALONE_S)
                    before = sum(done)
                    await firsts(http, data, run.output, resting)
                    say(f"{busy} busy ones got {sum(done) - before} records meanwhile")
                    await ended(going_on)
                for one in working:
                    await has(run.output, one, data / one)
                say("all equal")


async def answers(http: httpx.AsyncClient) -> bool:
    try:
        return (await http.get("/health")).is_success
    except httpx.TransportError:
        return False


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("busy", nargs="?", type=int, default=50)
    parser.add_argument("pairs", nargs="?", type=int, default=30)
    options = parser.parse_args()
    os.environ |= PROMPT
    with tempfile.TemporaryDirectory(prefix="cluster-") as name:
        await measure(Path(name), options.busy, options.pairs)


if __name__ == "__main__":
    asyncio.run(main())
