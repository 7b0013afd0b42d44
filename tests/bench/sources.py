"""What sources and jobs cost where there are many: ``python -m tests.bench.sources [S] [J] [MB]``.

One pipeline, S sources of a folder mapped by it. First its lists are asked for while there are no
jobs. Then it is stopped, J jobs are submitted and cancelled by the product's own adapter, and it
is started again: the lists once more, each with a page by filters and one deep inside. Then a CSV
of so many MB is uploaded: from its last byte, how long until the answer that has its columns, and
until its first records are on their way; once mapped, how long a delete takes until the job says
so, the list has it no more, and neither the public file, the table nor the folder of the uploaded
files do.
"""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import lance

from services.discovery.adapters.sqlite_state_store import SqliteStateStore
from services.discovery.ports.jobs import Order, Wish
from tests.e2e.local_run import LiveRun, live_run, read_table, write_source

AT_ONCE = 100
TIMES = 200
ROW_BYTES = 512
SOURCES = "/api/collections/default/sources"
NAME = "large.csv"


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def percentile(times: list[float], part: float) -> float:
    return 1000 * sorted(times)[int(part * (len(times) - 1))]


async def time_lists(http: httpx.AsyncClient, sources: int) -> None:
    newest = (await http.get("/api/jobs", params={"limit": 1})).json()["next_before"]
    middle = {"before": newest // 2} if newest else {}
    lists: dict[str, tuple[str, dict[str, Any]]] = {
        "sources": (SOURCES, {"limit": 50}),
        "sources, deep": (SOURCES, {"limit": 50, "after": f"{sources // 2:06d}.jsonl"}),
        "sources, by a part of the name": (SOURCES, {"q": f"{sources - 1:06d}"}),
        "sources, by state": (SOURCES, {"state": "incomplete"}),
        "jobs": ("/api/jobs", {"limit": 50}),
        "jobs, deep": ("/api/jobs", {"limit": 50} | middle),
        "jobs, by state": ("/api/jobs", {"state": "failed"}),
        "jobs, by kind": ("/api/jobs", {"kind": "delete", "collection": "default"}),
        "audit": ("/api/audit", {"limit": 50}),
    }
    for what, (path, asked) in lists.items():
        times = []
        for _ in range(TIMES):
            started = time.perf_counter()
            answer = await http.get(path, params=asked)
            times.append(time.perf_counter() - started)
            assert answer.status_code == 200, (path, asked, answer.text)
        median, p95 = 1000 * statistics.median(times), percentile(times, 0.95)
        say(f"  {what}: median {median:.1f} ms, p95 {p95:.1f} ms")


async def fill_jobs(state: Path, names: list[str], count: int) -> None:
    """Submit and cancel jobs until there are so many."""
    async with SqliteStateStore.open(state) as store:
        for start in range(0, count, AT_ONCE):
            some = [names[(start + one) % len(names)] for one in range(AT_ONCE)]
            order = Order(collection="default", kind="re-embed", sources=some)
            done = await store.submit_jobs(order, Wish(f"bench-{start}", "bench"))
            await asyncio.gather(
                *(
                    store.cancel_job("default", one.job.id, Wish(f"end-{start}", "bench"))
                    for one in done
                    if one.job
                )
            )
            refused = [one.reason for one in done if one.job is None]
            assert not refused, refused[0]
            news = await store.job_news(10 * AT_ONCE)
            await store.job_news_told(news[-1].number)


async def body(megabytes: int, told: dict[str, float]) -> AsyncIterator[bytes]:
    """Write a multipart body with one CSV, and note when its last byte is given."""
    head = f'Content-Disposition: form-data; name="files"; filename="{NAME}"'
    yield f"--edge\r\n{head}\r\n\r\nnumber,note\n".encode()
    rows, text = megabytes * (1 << 20) // ROW_BYTES - 1, "word " * ((ROW_BYTES - 20) // 5)
    for start in range(0, rows, 2000):
        some = range(start, min(start + 2000, rows))
        yield "".join(f'{one:09d},"{text}{one}"\n' for one in some).encode()
    yield b"\r\n--edge--\r\n"
    told["last byte"] = time.perf_counter()


async def until(what: str, since: float, is_so: Callable[[], Awaitable[bool]]) -> None:
    while not await is_so():
        await asyncio.sleep(0.02)
    say(f"  {what}: {time.perf_counter() - since:.2f} s")


async def upload(http: httpx.AsyncClient, megabytes: int) -> str:
    told: dict[str, float] = {}
    marks = {"X-Mapstream-Upload": "1", "Content-Type": "multipart/form-data; boundary=edge"}
    answer = await http.post(SOURCES, content=body(megabytes, told), headers=marks)
    assert answer.is_success, answer.text
    say(f"a CSV of {megabytes} MB, after its last byte:")
    say(f"  its columns are known: {time.perf_counter() - told['last byte']:.2f} s")

    async def row() -> dict[str, Any]:
        found = (await http.get(SOURCES, params={"q": NAME})).json()["items"]
        return found[0] if found else {"seen": 0, "status": ""}

    async def has_begun() -> bool:
        return (await row())["seen"] > 0

    async def is_mapped() -> bool:
        return (await row())["status"] == "completed"

    await until("its first records are on their way", told["last byte"], has_begun)
    await until("all of it is mapped", told["last byte"], is_mapped)
    return (await row())["source_id"]


async def remove(run: LiveRun, http: httpx.AsyncClient, source: str) -> None:
    started = time.perf_counter()
    answer = await http.delete(f"/api/sources/{source}", params={"collection": "default"})
    assert answer.is_success, answer.text
    job = answer.json()["job_ids"][0]

    async def listed() -> bool:
        return not (await http.get(SOURCES, params={"q": NAME})).json()["items"]

    async def published() -> bool:
        found = await asyncio.to_thread(read_table, run.output / "default" / "logs.parquet")
        return NAME not in found["filename"].unique().to_pylist()

    async def stored() -> bool:
        table = lance.dataset(run.output / "default" / "store.lance")
        return table.count_rows(filter=f"filename = '{NAME}'") == 0

    async def kept() -> bool:
        return not [*(run.output / "state" / "blobs").glob("??/*")]

    async def ended() -> bool:
        found = (await http.get(f"/api/jobs/{job}")).json()["items"][0]
        assert found["state"] in ("queued", "running", "succeeded"), found
        return found["state"] == "succeeded"

    say("a delete of it:")
    await asyncio.gather(
        until("the list has it no more", started, listed),
        until("the public file has no row of it", started, published),
        until("the table has no row of it", started, stored),
        until("its bytes are gone", started, kept),
        until("the job says so", started, ended),
    )


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("sources", nargs="?", type=int, default=10_000)
    parser.add_argument("jobs", nargs="?", type=int, default=100_000)
    parser.add_argument("megabytes", nargs="?", type=int, default=50)
    asked = parser.parse_args()
    os.environ |= {
        "MAPSTREAM_GATEWAY__REQUESTS_PER_S": "10000",
        "MAPSTREAM_GATEWAY__BURST": "10000",
        "MAPSTREAM_INGESTION__TRIGGER__DEBOUNCE_S": "0.1",
    }
    with tempfile.TemporaryDirectory(prefix="sources-") as name:
        runs, output = Path(name) / "runs", Path(name) / "out"
        names = [f"{one:06d}.jsonl" for one in range(asked.sources)]
        for one in names:
            write_source(runs / one, 1, one)
        async with live_run(runs, output, "--json") as run:
            await run.settled(asked.sources)
            await run.http()
            async with httpx.AsyncClient(base_url=run.gateway, timeout=300) as http:
                say(f"lists, {asked.sources} sources and no job:")
                await time_lists(http, asked.sources)
            await run.stop()
        started = time.perf_counter()
        await fill_jobs(output / "state" / "discovery", names, asked.jobs)
        say(f"{asked.jobs} jobs made and cancelled in {time.perf_counter() - started:.0f} s")
        async with live_run(runs, output, "--json") as run:
            await run.http()
            async with httpx.AsyncClient(base_url=run.gateway, timeout=300) as http:
                await run.settled(asked.sources)
                say(f"lists, {asked.sources} sources and {asked.jobs} jobs:")
                await time_lists(http, asked.sources)
                source = await upload(http, asked.megabytes)
                await remove(run, http, source)


if __name__ == "__main__":
    asyncio.run(main())
