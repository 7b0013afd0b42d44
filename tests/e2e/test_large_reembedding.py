"""A source of 10,000 records is embedded again: its embedder dies, and people change their minds.

Whatever happens on the way, the map has all of the old version, bit by bit, or all of the new one.
"""

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import lance
import nats
import pyarrow as pa
import pytest
from nats.aio.client import Client

from services.cli.adapters.ports import kept_port
from services.cli.commands.request import ask
from shared.bus.reading.jobs import JobBook
from shared.contracts.commands import Cancel, Submit
from shared.contracts.jobs import JobRecord, JobsSubmitted, ListJobs
from tests.e2e.local_run import PATIENCE_S, LiveRun, live_run, write_source
from tests.fakes.embedder import FakeEmbedder
from tests.fakes.embedding_server import EmbeddingServer

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(3600)]
RECORDS, CANCELS, SEED = 10_000, 100, 1
NAME = "large.jsonl"


@dataclass
class Stage:
    """A run with one large source."""

    run: LiveRun
    client: Client
    server: AsyncExitStack
    url: str
    table: Path
    public: Path

    async def embed_again(self) -> str:
        """Have the source embedded again, each text anew; returns the job."""
        wish = Submit(kind="re-embed", sources=(NAME,), is_fresh=True)
        answer = await ask(self.client, "default", wish, timeout_s=PATIENCE_S)
        assert isinstance(answer.event, JobsSubmitted)
        (made,) = answer.event.jobs
        assert made.job is not None
        return made.job.id

    async def job(self, job_id: str) -> JobRecord:
        page = await JobBook(self.client).jobs(ListJobs(limit=500))
        return next(one for one in page.items if one.id == job_id)

    async def ended(self, job_id: str) -> JobRecord:
        """Wait until a job has ended; meanwhile every look finds one whole version."""
        async with asyncio.timeout(PATIENCE_S):
            while (job := await self.job(job_id)).ended_at is None:
                self.version()
                await asyncio.sleep(0.05)
        return job

    def version(self) -> int:
        """Return the version of the source that the map has, all of it."""
        table = lance.dataset(str(self.table)).to_table(["source_version"])
        (version,) = set(table["source_version"].to_pylist())
        assert table.num_rows == RECORDS
        return version

    def rows(self) -> pa.Table:
        """Return all that is stored, vectors and places among it."""
        return lance.dataset(str(self.table)).to_table().sort_by("id")

    def shown(self) -> str:
        """Return the hash of the public file."""
        return hashlib.sha256(self.public.read_bytes()).hexdigest()


@asynccontextmanager
async def staged(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    runs, output = folder / "runs", folder / "out"
    write_source(runs / NAME, RECORDS, "large")
    with kept_port() as port:  # nobody else has it while the server is away
        async with AsyncExitStack() as server:
            url = await server.enter_async_context(EmbeddingServer(FakeEmbedder()).running(port))
            monkeypatch.setenv("MAPSTREAM_EMBEDDING__URL", url)
            async with live_run(runs, output) as run:
                await run.settled(RECORDS)
                client = await nats.connect(run.url)
                files = output / "default"
                yield Stage(
                    run, client, server, url, files / "store.lance", files / "logs.parquet"
                )
                await client.close()
                assert await run.stop() == 0


async def test_an_embedder_that_dies_on_the_way_leaves_the_old_map_bit_by_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with staged(tmp_path, monkeypatch) as stage:
        rows, shown = stage.rows(), stage.shown()
        job = await stage.embed_again()
        while (await stage.job(job)).progress.done < RECORDS // 3:
            await asyncio.sleep(0.02)

        await stage.server.aclose()
        done = -1
        while (now := (await stage.job(job)).progress.done) != done:
            done = now
            await asyncio.sleep(2)

        assert RECORDS // 3 <= done < RECORDS
        assert (await stage.job(job)).state == "running"
        assert stage.rows().equals(rows)
        assert stage.shown() == shown

        port = int(stage.url.rpartition(":")[2])
        again = EmbeddingServer(FakeEmbedder())
        await stage.server.enter_async_context(again.running(port))
        assert (await stage.ended(job)).state == "succeeded"
        assert stage.version() == 2


async def test_a_job_that_is_cancelled_any_time_leaves_all_of_the_old_or_all_of_the_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job says which."""
    dice, states = random.Random(SEED), list[str]()  # noqa: S311  no secret
    async with staged(tmp_path, monkeypatch) as stage:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        assert (await stage.ended(await stage.embed_again())).state == "succeeded"
        takes_s = loop.time() - began_s
        for _ in range(CANCELS):
            before, rows = stage.version(), stage.rows()
            job = await stage.embed_again()
            await asyncio.sleep(dice.uniform(0, 1.1 * takes_s))
            await ask(stage.client, "default", Cancel(job=job), timeout_s=PATIENCE_S)
            ended = await stage.ended(job)
            states.append(ended.state)
            if ended.state == "cancelled":
                assert stage.rows().equals(rows)
            else:
                assert ended.state == "succeeded"
                assert stage.version() == ended.source_version
                assert stage.version() > before

    assert set(states) == {"cancelled", "succeeded"}
