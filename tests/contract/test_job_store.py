"""Jobs in the ledger's file, driven as the handlers drive it, against a plain model of its own."""

import asyncio
import tempfile
from collections import defaultdict
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from services.discovery.adapters.sqlite_state_store import SqliteStateStore
from services.discovery.domain.jobs import PHASES, STATES, Job, JobRefusedError
from services.discovery.domain.ledger import Commit, SourceRecord
from services.discovery.domain.segments import ContentHash
from services.discovery.ports.jobs import JobFilter, Order, Wish
from tests.fakes.job_store import FakeJobStore
from tests.unit.discovery.builders import END, NOW, RULES, stat

NAMES = tuple(f"{letter}.jsonl" for letter in "abcdef")
ROWS = 5
EVERYTHING = JobFilter(limit=500)
Result = TypeVar("Result")


class Jobs(RuleBasedStateMachine):
    """Any commands in any order, while sources are read, shown, forgotten and fail."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.folder = tempfile.TemporaryDirectory()
        self.commands = 0
        self.wishes = list[Wish]()
        self.shown = dict[str, int]()
        """Rows that anybody sees, by source: what the dataset would have."""
        self.coming = dict[str, list[str]]()
        """Batches on their way, by source: they were sent and nothing was heard of them."""
        self.told = defaultdict[str, list[tuple[int, str, str, int, int]]](list)
        self.ids = dict[str, str]()
        """Id of a job in the model, to that in the file."""

    def do(self, work: Coroutine[Any, Any, Result]) -> Result:
        return self.runner.run(work)

    @initialize()
    def open(self) -> None:
        self.store = self.do(self._open())
        for name in NAMES:
            self.do(self._map(name))
        self.model = FakeJobStore({name: stat(name).source_id for name in NAMES})

    async def _open(self) -> SqliteStateStore:
        return await self.stack.enter_async_context(SqliteStateStore.open(Path(self.folder.name)))

    async def _map(self, name: str) -> None:
        begun = await self.store.begin_version(stat(name), ContentHash(name), RULES, NOW)
        source, version = stat(name).source_id, begun.number
        await self.store.record_batch(f"{name}:{version}", source, version, ROWS)
        await self.store.finish_reading(source, version, END, NOW)
        await self.store.apply_committed([Commit(f"{name}:{version}", source, version, ROWS)], NOW)

    def source(self, name: str) -> SourceRecord:
        return self.do(self.store.get([stat(name).source_id]))[stat(name).source_id]

    def of(self, job_id: str) -> str:
        return self.ids.get(job_id, job_id)

    def teardown(self) -> None:
        self.do(self.stack.aclose())
        self.runner.close()
        self.folder.cleanup()

    @rule(
        names=st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True),
        kind=st.sampled_from(("re-embed", "re-embed", "delete")),
        cancels=st.booleans(),
        again=st.booleans(),
    )
    def submit(self, names: list[str], kind: str, *, cancels: bool, again: bool) -> None:
        names = [one for one in names if not self.source(one).is_forgotten]
        self.commands += 1
        wish = Wish(f"{self.commands}@t", "somebody")
        order = Order(collection="default", kind=kind, sources=names, cancels=cancels)
        for _ in range(1 + again):
            done = self.do(self.store.submit_jobs(order, wish))
            wanted = self.do(self.model.submit_jobs(order, wish))
            assert [one.job is None for one in done] == [one.job is None for one in wanted]
            for one, other in zip(done, wanted, strict=True):
                if one.job and other.job:
                    self.ids[other.job.id] = one.job.id

    @rule(at=st.integers(0, 9), steps=st.integers(0, 4), again=st.booleans())
    def cancel(self, at: int, steps: int, *, again: bool) -> None:
        """Cancel a job that has not ended, most of them some steps on their way."""
        self.go_on(at, steps)
        self._command("cancel_job", ("queued", "running"), at, again=again)

    @rule(at=st.integers(0, 9), again=st.booleans())
    def retry(self, at: int, *, again: bool) -> None:
        self._command("retry_job", ("failed",), at, again=again)

    @rule(at=st.integers(0, 20), method=st.sampled_from(("cancel_job", "retry_job")))
    def mistake(self, at: int, method: str) -> None:
        self._command(method, STATES, at, again=False)

    def _command(self, method: str, states: Sequence[str], at: int, *, again: bool) -> None:
        found = [one.id for one in self.model.jobs if one.state in states]
        if not found:
            return
        job_id = found[at % len(found)]
        self.commands += 1
        wish = Wish(f"{self.commands}@t", "somebody")
        for _ in range(1 + again):
            outcomes = []
            for store, key in ((self.store, self.of(job_id)), (self.model, job_id)):
                try:
                    job = self.do(getattr(store, method)("default", key, wish))
                    outcomes.append(job.retries)
                except JobRefusedError:
                    outcomes.append(None)
            assert outcomes[0] == outcomes[1]

    @rule(at=st.integers(0, 2), steps=st.integers(1, 5))
    def go_on(self, at: int, steps: int) -> None:
        """Some of the next steps of one of the jobs that run."""
        for one in self._at(at):
            for _ in range(steps):
                self.forget(one.filename)
                self.look(one.filename)
                self.settle(one.filename)

    def look(self, name: str) -> None:
        """What a look at a source does: it is read if that is wanted, and goes on otherwise."""
        source = self.source(name)
        if source.renewal != "wanted":
            return
        if source.completed_at is None:  # there is nothing whole that could be put back
            self.model.too_late |= {one.id for one in self._running(name)}
        before = source.source_version
        begun = self.do(self.store.begin_version(stat(name), ContentHash(name), RULES, NOW))
        assert begun.number == before + 1
        assert begun.is_renewal
        batches = [f"{name}:{begun.number}:{index}" for index in range(2)]
        for batch in batches:
            self.do(self.store.record_batch(batch, source.source_id, begun.number, ROWS))
        self.do(self.store.finish_reading(source.source_id, begun.number, END, NOW))
        self.coming[name] = batches

    @rule(name=st.sampled_from(NAMES))
    def settle(self, name: str) -> None:
        """What writing tells of the next batch of a source, if one is on its way."""
        source = self.source(name)
        key, version = source.source_id, source.source_version
        if source.renewal == "discarding":
            done = Commit(source.discarding_batch_id, key, version, 0, is_staged=True)
        elif source.is_showing:
            done = Commit(source.showing_batch_id, key, version, 0)
            rows = [Commit(f"{name}:{version}:{at}", key, version, ROWS) for at in range(2)]
            self.do(self.store.apply_committed(rows, NOW))
            self._end(name, "succeeded")
        elif source.is_forgotten and source.completed_at is None:
            done = Commit(source.empty_batch_id, key, version, 0)
            self._end(name, "succeeded")
        elif self.coming.get(name):
            batch = self.coming[name].pop(0)
            done = Commit(batch, key, int(batch.split(":")[1]), ROWS, is_staged=True)
            if not self.coming[name] and int(batch.split(":")[1]) == version:
                self.model.too_late |= {one.id for one in self._running(name)}
        else:
            return
        self.do(self.store.apply_committed([done], NOW))

    def forget(self, name: str) -> None:
        for one in self._running(name):
            if one.kind == "delete":
                self.do(self.store.forget_for_job(self.of(one.id)))
                self.model.too_late.add(one.id)

    @rule(at=st.integers(0, 2))
    def lose(self, at: int) -> None:
        """The file of a source went away before it was looked at for its job."""
        for one in self._at(at):
            if one.kind == "re-embed" and self.source(one.filename).renewal == "wanted":
                self.do(self.store.fail_job(self.of(one.id), "it went away"))
                self.model.end(one.id, "failed")

    @rule(at=st.integers(0, 2))
    def break_off(self, at: int) -> None:
        """A source cannot be read any more while a version of it is coming."""
        for one in self._at(at):
            name = one.filename
            self.go_on(at, 1)
            source = self.source(name)
            if source.status == "dispatched" and source.staged and not source.is_showing:
                self.do(self.store.fail(stat(name), "it cannot be read", NOW))
                self.coming.pop(name, None)
                self._end(name, "failed")

    @rule(name=st.sampled_from(NAMES))
    def mend(self, name: str) -> None:
        """What could not be read is read again, without any job."""
        if self.source(name).status == "failed" and not self._running(name):
            self.do(self._map(name))

    @rule()
    def restart(self) -> None:
        self.do(self.stack.aclose())
        self.stack = AsyncExitStack()
        self.store = self.do(self._open())

    def _at(self, at: int) -> list[Job]:
        return [one for one in self.model.jobs if one.state == "running"][at : at + 1]

    def _running(self, name: str) -> list[Job]:
        return [one for one in self.model.jobs if one.filename == name and one.state == "running"]

    def _end(self, name: str, state: str) -> None:
        for one in self._running(name):
            self.model.end(one.id, state)

    @invariant()
    def is_as_the_model(self) -> None:
        if not hasattr(self, "model"):
            return
        listed = self.do(self.store.list_jobs(EVERYTHING))
        found = {one.job.id: (one.job.state, one.job.retries, one.position) for one in listed}
        expected = self.do(self.model.list_jobs(EVERYTHING))
        assert found == {
            self.of(one.job.id): (one.job.state, one.job.retries, one.position) for one in expected
        }
        effects = self.do(self.store.list_audit(EVERYTHING))
        assert [(one.action, one.job_id, one.outcome) for one in effects[::-1]] == [
            (action, self.of(job), state) for action, job, state in self.model.effects
        ]

    @invariant()
    def nobody_waits_beside_a_free_place(self) -> None:
        if not hasattr(self, "model"):
            return
        states = [one.job.state for one in self.do(self.store.list_jobs(EVERYTHING))]
        running, queued = states.count("running"), states.count("queued")
        assert running <= 3
        assert running == 3 or not queued

    @invariant()
    def a_source_has_all_its_old_rows_or_all_its_new_ones(self) -> None:
        if not hasattr(self, "model"):
            return
        for name in NAMES:
            one = self.source(name)
            if one.status == "completed":
                assert one.mapped in (ROWS, 2 * ROWS)
                assert one.seen == one.mapped

    @invariant()
    def news_have_each_revision_once_and_never_go_back(self) -> None:
        if not hasattr(self, "model"):
            return
        for one in self.do(self.store.job_news(10_000)):
            job, told = one.job, self.told[one.job.id]
            counts = job.counts.done + job.counts.dead
            told.append((job.revision, job.state, job.phase, job.retries, counts))
            self.do(self.store.job_news_told(one.number))
        for told in self.told.values():
            assert [revision for revision, *_ in told] == list(range(1, len(told) + 1))
            for before, after in pairwise(told):
                if before[3] == after[3]:
                    assert PHASES.index(before[2]) <= PHASES.index(after[2])
                    assert before[4] <= after[4]


Jobs.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestJobs = Jobs.TestCase
