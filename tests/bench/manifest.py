"""Times a manifest of a hundred sources: until it is applied, and until all of it is on the map.

``python -m tests.bench.manifest [SOURCES]`` starts the whole pipeline and a server on loopback.
"""

import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

import httpx

from tests.e2e.local_run import PATIENCE_S, live_run, write_source
from tests.hostile_http import answer, hostile
from tests.waiting import until

PATH = "/api/manifests"


async def main(count: int) -> None:
    """Apply it twice, and print how long each took."""
    os.environ["MAPSTREAM_COURIER__ALLOWED_NETWORKS"] = '["127.0.0.1"]'
    with tempfile.TemporaryDirectory() as folder:
        runs, output = Path(folder, "runs"), Path(folder, "out")
        write_source(runs / "first.jsonl", 3, "default")
        async with hostile() as server, live_run(runs, output) as run:
            await run.http()
            for one in range(count):
                body = b"name,note\n" + b"".join(b"%d,note %d\n" % (one, row) for row in range(20))
                server.replies[f"/{one}.csv"] = answer(body)
            rows = [f"source {one},{server.url(f'/{one}.csv')}" for one in range(count)]
            server.replies["/list.csv"] = answer("\n".join(["name,url", *rows]).encode())
            async with httpx.AsyncClient(base_url=run.gateway, timeout=PATIENCE_S) as http:
                for name in ("new", "known"):
                    await applied(http, server.url("/list.csv"), name)


async def applied(http: httpx.AsyncClient, url: str, name: str) -> None:
    """Apply the list and wait for its jobs."""
    began = time.monotonic()
    made = await http.put(PATH, json={"url": url})
    made.raise_for_status()
    where = f"{PATH}/{made.json()['id']}"

    async def is_applied() -> bool:
        (last, *_) = (await http.get(where)).json()["manifest"]["runs"]
        assert last["state"] != "failed", last
        return bool(last["state"] == "applied")

    async def is_done() -> bool:
        query = {"state": ["queued", "running"], "limit": 1}
        return not (await http.get("/api/jobs", params=query)).json()["items"]

    await until(is_applied)
    at_s = time.monotonic() - began
    (last, *_) = (await http.get(where)).json()["manifest"]["runs"]
    while not await is_done():
        await asyncio.sleep(0.5)
    whole_s = time.monotonic() - began
    counts = {what: number for what, number in last["counts"].items() if number}
    sys.stdout.write(
        f"{name}: applied after {at_s:.1f} s {counts}, all done after {whole_s:.1f} s\n"
    )


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 100))
