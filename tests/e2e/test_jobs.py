"""Sources are brought, re-embedded and deleted under kills: every job ends, and says how.

Schedules, manifests, preferences and decisions are changed meanwhile.

``make jobs N=500`` gives so many commands under kills; the test a few.
"""

import asyncio
import json
import os
import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import lance
import nats
import pytest
from nats.aio.client import Client

from services.cli.commands.request import ask
from shared.bus.reading.jobs import JobBook
from shared.bus.reading.stream_reader import StreamReader
from shared.bus.registry.jobs import JOB_CHANGED
from shared.contracts.commands import Cancel, Retry, Submit
from shared.contracts.jobs import (
    Effect,
    JobChanged,
    JobRecord,
    JobsSubmitted,
    ListEffects,
    ListJobs,
)
from shared.errors import TransientError
from shared.failpoints import VARIABLE, Failpoint
from tests.e2e.bringing import Bringing, bringing, check_brought
from tests.e2e.deaths import Deaths
from tests.e2e.keeping import KINDS, Keeping, check_wishes
from tests.e2e.local_run import PATIENCE_S, LiveRun, check_coordinates, live_run
from tests.fakes.embedder import FakeEmbedder
from tests.fakes.embedding_server import EmbeddingServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(7200)]
COMMANDS = int(os.environ.get("MAPSTREAM_JOB_COMMANDS", "10"))
SEED = int(os.environ.get("MAPSTREAM_JOB_SEED", "1"))
SERVICES = ("discovery", "discovery", "embedding", "projection", "writing", "courier", "gateway")
KEPT = {"long.jsonl": 300, "short.jsonl": 140, "one.jsonl": 5, "two.jsonl": 9, "six.jsonl": 30}
"""What is re-embedded, and how many records it has: three batches, two, and one each."""
DELETED = {f"deleted-{number}.jsonl": 7 for number in range(3)}
POINTS = (
    Failpoint.SUBMITTED,
    Failpoint.JOBS_TOLD,
    Failpoint.FORGETTING,
    Failpoint.DISCARDING,
    Failpoint.SHOWING,
    Failpoint.NOTED,
    Failpoint.SETTLED,
    Failpoint.STAGED,
    Failpoint.COMMITTED,
)
OF_BYTES = (
    Failpoint.SUBMITTED,
    Failpoint.PLACED,
    Failpoint.LET_GO,
    Failpoint.ADMITTED,
    Failpoint.FETCHED,
    Failpoint.KEPT,
    Failpoint.DELIVERED,
)
"""What is passed when jobs bring bytes."""
COMMANDS_GIVEN = (
    *("re-embed", "re-embed", "cancel", "delete", "retry", "upload", "replace", "fetch"),
    "keep",
)
FREE = timedelta(seconds=5)
ENDS = ("succeeded", "failed", "cancelled")
PHASES = ("acquiring", "validating", "embedding", "projecting", "writing", "done")


@dataclass
class Scene:
    """A run, and what was asked of it."""

    output: Path
    cuts: Path
    run: LiveRun
    client: Client
    dice: random.Random
    bytes: Bringing
    keeping: Keeping
    deaths: Deaths
    jobs: set[str] = field(default_factory=set)
    left: list[str] = field(default_factory=lambda: list(DELETED))

    @property
    def table(self) -> Path:
        return self.output / "default" / "store.lance"

    async def give(self) -> None:
        """Give a command by chance, and kill something on its way."""
        kind = self.dice.choice(COMMANDS_GIVEN)
        if kind == "keep":
            await self.keeping.give(self.deaths)
            return
        is_bytes = kind in ("upload", "replace", "fetch", "cancel")
        if self.dice.random() < 0.5 and await self.deaths.may_end("discovery"):
            (self.cuts / self.dice.choice(OF_BYTES if is_bytes else POINTS)).touch()
        if kind == "delete":
            await self.delete()
        elif kind in ("cancel", "retry"):
            await self.change(kind)
        elif kind == "fetch":
            await self.fetch()
        elif is_bytes:
            await self.bytes.upload(self.run, replaces=kind == "replace")
            if self.dice.random() < 0.3:
                await asyncio.sleep(self.dice.uniform(0, 0.5))
                await self.change("cancel")
        else:
            await self.reembed()
        if self.dice.random() < 0.5:
            await asyncio.sleep(self.dice.uniform(0, 1.0))
            await self.deaths.kill(self.dice.choice(SERVICES))

    async def fetch(self) -> None:
        command, number = self.bytes.next_fetch(await self.listed())
        answer = await ask(self.client, "default", command, timeout_s=PATIENCE_S)
        assert answer.is_complete
        if isinstance(answer.event, JobsSubmitted):
            made = {one.job.id for one in answer.event.jobs if one.job}
            self.bytes.given |= dict.fromkeys(made, number)
            self.jobs |= made

    async def reembed(self) -> None:
        names = self.dice.sample(list(KEPT), self.dice.randint(1, 3))
        brought = sorted({one.filename for one in await self.listed()} - (KEPT | DELETED).keys())
        more = self.dice.sample(brought, min(2, len(brought)))
        await self.submit("re-embed", [*names, *more], is_fresh=self.dice.random() < 0.5)

    async def delete(self) -> None:
        brought = sorted({one.filename for one in await self.listed()} - (KEPT | DELETED).keys())
        if self.left and self.dice.random() < 0.5:
            await self.submit("delete", [self.left.pop()], cancels=True)
        elif brought:
            await self.submit("delete", [self.dice.choice(brought)], cancels=True)

    async def submit(self, kind: str, names: Sequence[str], **more: bool) -> None:
        command = Submit.model_validate({"kind": kind, "sources": tuple(names), **more})
        answer = await ask(self.client, "default", command, timeout_s=PATIENCE_S)
        assert answer.is_complete
        if isinstance(answer.event, JobsSubmitted):
            self.jobs |= {one.job.id for one in answer.event.jobs if one.job}

    async def change(self, kind: str) -> None:
        found = [one for one in await self.listed() if kind == "retry" or one.state not in ENDS]
        if found:
            job = self.dice.choice(found).id
            command = Cancel(job=job) if kind == "cancel" else Retry(job=job)
            answer = await ask(self.client, "default", command, timeout_s=PATIENCE_S)
            assert answer.is_complete

    async def listed(self) -> list[JobRecord]:
        """Return all jobs, whenever discovery is there to tell of them."""
        found, before = list[JobRecord](), None
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    page = await JobBook(self.client).jobs(ListJobs(limit=500, before=before))
                except TransientError:
                    await asyncio.sleep(0.1)
                    continue
                found, before = [*found, *page.items], page.next_before
                if before is None:
                    return found

    async def effects(self) -> list[Effect]:
        """Return all that was done."""
        found, before = list[Effect](), None
        while True:
            page = await JobBook(self.client).effects(ListEffects(limit=500, before=before))
            found, before = [*found, *page.items], page.next_before
            if before is None:
                return found

    async def until_all_have_ended(self) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not all(one.state in ENDS for one in await self.listed()):
                await asyncio.sleep(0.2)

    async def told(self) -> list[tuple[datetime, JobRecord]]:
        """Read all that was ever told of jobs, in order."""
        subject = JOB_CHANGED.subject("default")
        reader = StreamReader(self.client, JOB_CHANGED.stream, (subject,))
        found: list[tuple[datetime, JobRecord]] = []
        after, has_more = 0, True
        while has_more:
            messages, has_more = await reader.some(after, 256)
            for one in messages:
                event = JobChanged.model_validate_json(one.data)
                found.append((event.occurred_at, event.job))
                after = one.sequence
        return found


def write(folder: Path, name: str, records: int) -> None:
    lines = (
        {
            "type": "iteration",
            "iteration": number,
            "response": f"{name} says {number}",
            "final_answer": "x" if number == records - 1 else None,
        }
        for number in range(records)
    )
    (folder / name).write_text("".join(f"{json.dumps(line)}\n" for line in lines))


def versions_seen(table: Path, version: int) -> dict[str, Counter[int]]:
    """Count the rows of each source by the version that they are of."""
    rows = lance.dataset(str(table), version=version).to_table(["filename", "source_version"])
    found = defaultdict[str, Counter[int]](Counter)
    for row in rows.to_pylist():
        found[row["filename"]][row["source_version"]] += 1
    return found


def check_order(told: Sequence[tuple[datetime, JobRecord]]) -> None:
    """At most three run at a time, the first come first, and no place is free while one waits."""
    states = dict[str, JobRecord]()
    free_since: datetime | None = None
    for at, job in told:
        before = states.get(job.id)
        assert job.revision == (before.revision + 1 if before else 1), job
        if before and before.retries == job.retries:
            assert PHASES.index(before.phase) <= PHASES.index(job.phase), (before, job)
            assert before.progress.seen <= job.progress.seen, (before, job)
            assert before.state not in ENDS, (before, job)
        states[job.id] = job
        running = sum(one.state == "running" for one in states.values())
        is_waiting = any(one.state == "queued" for one in states.values())
        assert running <= 3
        if free_since is not None:
            assert at - free_since < FREE
        free_since = (free_since or at) if is_waiting and running < 3 else None
    assert free_since is None
    assert {one.state for one in states.values()} <= set(ENDS)


def check_audit(effects: Sequence[Effect], told: Sequence[tuple[datetime, JobRecord]]) -> None:
    """Each effect was noted once."""
    expected = Counter[tuple[str, str]]()
    for _, job in told:
        if job.revision == 1:
            expected["submit", job.id] += 1
        elif job.state == "queued":
            expected["retry", job.id] += 1
        elif job.state == "cancelled":
            expected["cancel", job.id] += 1
        elif job.state in ENDS:
            expected["end", job.id] += 1
    of_jobs = [one for one in effects if one.kind not in KINDS]
    assert Counter((one.action, one.job_id) for one in of_jobs) == expected


def check_rows(table: Path, first: int, jobs: Sequence[JobRecord]) -> None:
    """In every version of the dataset each source is whole; at the end, as its jobs say."""
    last = lance.dataset(str(table)).version
    for version in range(first, last + 1):
        seen = versions_seen(table, version)
        for name, counts in seen.items():
            if name not in KEPT | DELETED:
                continue  # it was brought
            assert list(counts.values()) == [(KEPT | DELETED)[name]], (version, name, counts)
        assert seen.keys() >= KEPT.keys(), version
    shown = versions_seen(table, last)
    deleted = {one.filename for one in jobs if one.kind == "delete"}
    assert shown.keys() & (KEPT | DELETED).keys() == (KEPT | DELETED).keys() - deleted
    for name in KEPT:
        made = [one for one in jobs if one.filename == name and one.state == "succeeded"]
        newest = max((one.source_version or 0 for one in made), default=1)
        assert list(shown[name]) == [newest], (name, shown[name], newest)


async def test_every_job_ends_whatever_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, output, cuts = tmp_path / "runs", tmp_path / "out", tmp_path / "cuts"
    folder.mkdir()
    cuts.mkdir()
    monkeypatch.setenv("MAPSTREAM_OUTPUT__KEEP_VERSIONS_S", "1000000")
    monkeypatch.setenv(VARIABLE, str(cuts))
    for name, records in (KEPT | DELETED).items():
        write(folder, name, records)
    everything = sum((KEPT | DELETED).values())
    async with EmbeddingServer(FakeEmbedder()).running() as url, bringing(SEED) as brought:
        monkeypatch.setenv("MAPSTREAM_EMBEDDING__URL", url)
        monkeypatch.setenv("MAPSTREAM_COURIER__ALLOWED_NETWORKS", '["127.0.0.1"]')
        async with live_run(folder, output) as run:
            await run.settled(everything)
            client = await nats.connect(run.url, connect_timeout=PATIENCE_S)
            dice = random.Random(SEED)  # noqa: S311  no secret
            keeping = Keeping(client, brought, random.Random(SEED + 2))  # noqa: S311  no secret
            await keeping.begin(run)
            scene = Scene(output, cuts, run, client, dice, brought, keeping, Deaths(run))
            first = lance.dataset(str(scene.table)).version
            for _ in range(COMMANDS):
                await scene.give()
                if dice.random() < 0.3:
                    await scene.until_all_have_ended()
            await keeping.give(scene.deaths)
            for armed in cuts.iterdir():
                armed.unlink(missing_ok=True)
            await keeping.until_decided()
            await scene.until_all_have_ended()
            gone = sum(DELETED[name] for name in DELETED if name not in scene.left)
            told = await scene.told()
            of_jobs = [one for _, one in told]
            await run.settled(everything - gone + brought.mapped(of_jobs))
            jobs, effects, kept = await scene.listed(), await scene.effects(), await keeping.kept()
            await brought.check_kept(run, of_jobs)
            await client.close()
            assert await run.stop() == 0

    assert {one.id for one in jobs} >= scene.jobs
    check_order(told)
    check_audit(effects, told)
    check_wishes(keeping.wishes, effects, kept)
    check_rows(scene.table, first, jobs)
    check_brought(scene.table, first, brought, of_jobs)
    check_coordinates(output)
