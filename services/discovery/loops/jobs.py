"""Has running jobs done, each collection's by themselves, and tells of what changed of any job."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Protocol

import structlog

from services.discovery.handlers.commands import Carriers
from services.discovery.handlers.fetches import Fetches
from services.discovery.handlers.job_runner import AGAIN_S, JobRunner, drop_old
from services.discovery.handlers.jobs import JobBook
from services.discovery.handlers.manifests import ManifestBook
from services.discovery.handlers.matches import DecisionBook
from services.discovery.handlers.preferences import PreferenceBook
from services.discovery.handlers.schedules import ScheduleBook
from services.discovery.loops.scanning import ScanLoop
from services.discovery.ports.analyses import AnalysisStore
from services.discovery.ports.fetches import FetchStore
from services.discovery.ports.jobs import JobStore
from shared.assignments import Loop
from shared.bus.answering import answer
from shared.bus.broker import Bus
from shared.bus.publishing.publisher import Publisher
from shared.bus.registry.questions import (
    EFFECTS_LIST,
    FETCHES_ANALYSIS,
    FETCHES_DELIVER,
    FETCHES_TAKE,
    JOBS_LIST,
    MANIFESTS_CHANGE,
    MANIFESTS_LIST,
    MATCHES_DECIDE,
    MATCHES_DECISIONS,
    PREFERENCES_LIST,
    PREFERENCES_SET,
    SCHEDULES_CHANGE,
    SCHEDULES_LIST,
)
from shared.clock import Clock, SystemClock
from shared.settings import RetentionSection
from shared.task_groups import LOOP_S, TaskGroup
from shared.waits import WAITS

DROP_EVERY_S = 3600.0
GIVE_UP_EVERY_S = 10.0
FOLLOW_EVERY_S = 5.0
WORK, NEWS, OLD = "doing jobs", "telling of jobs", "dropping old jobs"
SCHEDULES = "following schedules"
FETCHING = "giving up what no courier fetches"
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class JobLoop:
    """Does what jobs need; a collection that waits for room keeps no other one waiting."""

    runner: JobRunner
    publisher: Publisher
    _under_way: set[str] = field(default_factory=set, init=False)

    async def work(self) -> None:
        """Do what is to be done whenever there may be something, until cancelled."""
        async with TaskGroup(LOOP_S) as group:
            while True:
                self.runner.work.clear()
                waiting = set[str]()
                with WAITS.retrying(WORK, partial(log.warning, "jobs.failed")):
                    waiting = await self.runner.waiting()
                for collection in waiting - self._under_way:
                    self._under_way.add(collection)
                    group.create_task(self._turn(collection))
                await _woken(self.runner.work)

    async def tell(self) -> None:
        """Tell what has changed, until cancelled."""
        while True:
            self.runner.news.clear()
            with WAITS.retrying(NEWS, partial(log.warning, "jobs.not_told")):
                await self.publisher.publish_steps(self.runner.tell())
            await _woken(self.runner.news)

    async def _turn(self, collection: str) -> None:
        try:
            with WAITS.retrying(WORK, partial(log.warning, "jobs.failed", collection=collection)):
                await self.publisher.publish_steps(self.runner.turn(collection))
        finally:
            self._under_way.discard(collection)


class KeptJobs(JobStore, FetchStore, AnalysisStore, Protocol):
    """The jobs of every kind."""


@dataclass(frozen=True, slots=True)
class Books:
    """What is chosen for collections, fetched every few hours, and decided of pairs."""

    preferences: PreferenceBook
    schedules: ScheduleBook
    manifests: ManifestBook
    decisions: DecisionBook

    @property
    def stale(self) -> Mapping[str, int]:
        """Of each collection, how many of its schedules and manifests brought nothing fresh."""
        both = dict(self.schedules.stale)
        for name, count in self.manifests.stale.items():
            both[name] = both.get(name, 0) + count
        return both


async def open_jobs(
    bus: Bus,
    store: KeptJobs,
    scanning: ScanLoop,
    carriers: Carriers,
    kept: RetentionSection,
    books: Books,
) -> tuple[Loop, ...]:
    """Answer who asks for jobs from now on, and give what has them done.

    Raises:
        NatsError: The server cannot be reached.
    """
    book, clock = JobBook(store), SystemClock()
    fetches = Fetches(store, store, carriers.whole.uploads, clock, books.manifests)
    await answer(bus.broker, JOBS_LIST, book.page)
    await answer(bus.broker, EFFECTS_LIST, book.effects)
    await answer(bus.broker, PREFERENCES_LIST, books.preferences.tell)
    await answer(bus.broker, PREFERENCES_SET, books.preferences.choose)
    await answer(bus.broker, SCHEDULES_LIST, books.schedules.tell)
    await answer(bus.broker, SCHEDULES_CHANGE, books.schedules.change)
    await answer(bus.broker, MANIFESTS_LIST, books.manifests.tell)
    await answer(bus.broker, MANIFESTS_CHANGE, books.manifests.change)
    await answer(bus.broker, MATCHES_DECISIONS, books.decisions.tell)
    await answer(bus.broker, MATCHES_DECIDE, books.decisions.decide)
    await answer(bus.broker, FETCHES_TAKE, fetches.take)
    await answer(bus.broker, FETCHES_DELIVER, fetches.deliver)
    await answer(bus.broker, FETCHES_ANALYSIS, fetches.note)
    runner = JobRunner(
        store,
        scanning.scanner,
        clock,
        look=scanning.ask,
        files=carriers.whole.uploads,
        is_served=carriers.is_served,
    )
    jobs = JobLoop(runner, bus.publisher)
    dropping = partial(drop_old_jobs, store, clock, kept)
    giving_up = partial(give_up_fetches, fetches)
    return jobs.work, jobs.tell, dropping, giving_up, partial(follow_schedules, books)


async def give_up_fetches(fetches: Fetches) -> None:
    """Fail jobs for which no courier comes, now and then, for ever."""
    while True:
        with WAITS.retrying(FETCHING, partial(log.warning, "fetches.not_given_up")):
            await fetches.give_up()
        await asyncio.sleep(GIVE_UP_EVERY_S)


async def follow_schedules(books: Books) -> None:
    """Have slots decided when they have come, for ever."""
    while True:
        with WAITS.retrying(SCHEDULES, partial(log.warning, "schedules.not_followed")):
            await books.schedules.follow()
            await books.manifests.follow()
        await asyncio.sleep(FOLLOW_EVERY_S)


async def drop_old_jobs(store: JobStore, clock: Clock, kept: RetentionSection) -> None:
    """Remove what is older than it is kept, now and then, for ever."""
    jobs, audit = timedelta(days=kept.jobs_days), timedelta(days=kept.audit_days)
    while True:
        with WAITS.retrying(OLD, partial(log.warning, "jobs.not_dropped")):
            await drop_old(store, clock, jobs, audit)
        await asyncio.sleep(DROP_EVERY_S)


async def _woken(event: asyncio.Event) -> None:
    """Return when something may have changed, or after a while."""
    try:
        async with asyncio.timeout(AGAIN_S):
            await event.wait()
    except TimeoutError:
        return
