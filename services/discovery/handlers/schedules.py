"""Schedules: told, changed by who may, and followed."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from uuid import uuid4

import structlog

from services.discovery.domain.preferences import Chosen
from services.discovery.domain.schedules import Schedule
from services.discovery.ports.schedules import NotRun, Ran, Run, ScheduleStore
from shared.clock import Clock
from shared.contracts.schedules import (
    ChangeSchedule,
    ListSchedules,
    ScheduleChanged,
    SchedulePage,
    ScheduleRecord,
    ScheduleRun,
)

UNKNOWN = "there is no schedule '{}'; mapstream schedules list shows them"
TWICE = "'{}' is fetched by a schedule already: change that one"
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class ScheduleBook:
    """Answers which schedules there are, changes them, and has their slots decided."""

    store: ScheduleStore
    clock: Clock
    is_served: Callable[[str], Awaitable[bool]]
    stale: dict[str, int] = field(default_factory=dict)
    """Of each collection with schedules, how many have had no success for too long."""

    async def tell(self, asked: ListSchedules) -> SchedulePage:
        """Answer with the schedules.

        Raises:
            TransientError: The ledger could not be read.
        """
        found = await self.store.schedules(asked.collection)
        return SchedulePage(items=tuple(self._record(*one) for one in found))

    async def change(self, asked: ChangeSchedule) -> ScheduleChanged:
        """Do with a schedule what is asked for.

        Raises:
            TransientError: The ledger could not be read or written.
        """
        schedule_id = asked.schedule or ""
        if asked.action == "add":
            return await self._add(asked)
        if asked.action == "run":
            return await self._run(asked)
        done: Schedule | NotRun | None
        if asked.action == "remove":
            done = await self.store.remove_schedule(schedule_id, asked.by)
        else:
            done = await self.store.change_schedule(
                schedule_id,
                asked.by,
                every_hours=asked.every_hours,
                is_paused=asked.is_paused,
                filename=asked.filename,
            )
        if done is None:
            return ScheduleChanged(outcome="unknown", reason=UNKNOWN.format(schedule_id))
        if isinstance(done, NotRun):
            return ScheduleChanged(outcome=done.outcome, reason=done.reason)
        log.info("schedule.changed", schedule=done.id, action=asked.action)
        return ScheduleChanged(outcome="done", schedule=self._record(done))

    async def _run(self, asked: ChangeSchedule) -> ScheduleChanged:
        """Run one by hand, or several; if none of these can be, the last one says why."""
        ids = asked.schedules or (asked.schedule or "",)
        done = await self.store.run_schedules(ids, asked.by)
        ran = [one for one in done if isinstance(one, Ran)]
        others = [one for one in done if isinstance(one, NotRun)]
        if not ran:
            return ScheduleChanged(outcome=others[-1].outcome, reason=others[-1].reason)
        log.info("schedules.run", count=len(ran))
        return ScheduleChanged(
            outcome="done",
            schedule=self._record(ran[0].schedule) if asked.schedule else None,
            jobs=tuple(one.job_id for one in ran),
            reasons=tuple(one.reason for one in others),
        )

    async def follow(self) -> None:
        """Decide the slots that have come.

        Raises:
            TransientError: The ledger could not be read or written.
        """
        if count := await self.store.follow_schedules():
            log.info("schedules.followed", slots=count)
        now, stale = self.clock.now(), dict[str, int]()
        for one, _ in await self.store.schedules():
            stale[one.collection] = stale.get(one.collection, 0) + one.is_stale(now)
        self.stale = stale

    async def _add(self, asked: ChangeSchedule) -> ScheduleChanged:
        collection, now = asked.collection or "", self.clock.now()
        if not await self.is_served(collection):
            reason = f"nobody serves collection '{collection}': make it first"
            return ScheduleChanged(outcome="unknown", reason=reason)
        schedule = Schedule(
            id=uuid4().hex[:20],
            collection=collection,
            url=asked.url or "",
            filename=asked.filename,
            every_hours=asked.every_hours or 1,
            anchor=now,
            created_at=now,
            created_by=asked.by,
            chosen=Chosen(asked.text_columns, asked.context_columns),
            columns=asked.columns,
        )
        if not await self.store.add_schedule(schedule):
            return ScheduleChanged(outcome="refused", reason=TWICE.format(schedule.url))
        log.info("schedule.added", schedule=schedule.id, collection=collection)
        return ScheduleChanged(outcome="done", schedule=self._record(schedule))

    def _record(self, one: Schedule, runs: Sequence[Run] = ()) -> ScheduleRecord:
        return ScheduleRecord(
            id=one.id,
            collection=one.collection,
            url=one.url,
            filename=one.filename,
            every_hours=one.every_hours,
            is_paused=one.is_paused,
            next_at=one.next_at,
            ran=one.ran,
            missed=one.missed,
            overlapped=one.overlapped,
            succeeded_at=one.succeeded_at,
            is_stale=one.is_stale(self.clock.now()),
            created_at=one.created_at,
            created_by=one.created_by,
            runs=tuple(
                ScheduleRun(
                    at=run.at, slot=run.slot, outcome=run.outcome, slots=run.slots, job=run.job_id
                )
                for run in runs
            ),
        )
