"""Schedules, what became of their slots, and the jobs that they queue, in the ledger's file."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import uuid4

from services.discovery.adapters.sqlite_fetch_store import FetchRows
from services.discovery.adapters.sqlite_group_commit import change, reads
from services.discovery.domain.fetches import FetchOrder
from services.discovery.domain.preferences import Chosen
from services.discovery.domain.schedules import (
    BY_HAND_A_MINUTE,
    MINUTE,
    Schedule,
    due,
    settled,
    with_period,
)
from services.discovery.ports.jobs import Submitted, Wish
from services.discovery.ports.schedules import NotRun, Ran, Run
from shared.sqlite_state import sql

SCHEDULES = """
CREATE TABLE IF NOT EXISTS schedules (
    id TEXT PRIMARY KEY,
    collection TEXT NOT NULL,
    url TEXT NOT NULL,
    filename TEXT,
    every_hours INTEGER NOT NULL,
    anchor TEXT NOT NULL,
    created_at TEXT NOT NULL,
    created_by TEXT NOT NULL,
    chosen TEXT NOT NULL,
    columns TEXT NOT NULL,
    decided INTEGER NOT NULL,
    is_paused INTEGER NOT NULL,
    ran INTEGER NOT NULL,
    missed INTEGER NOT NULL,
    overlapped INTEGER NOT NULL,
    succeeded_at TEXT
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS schedule_runs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    schedule_id TEXT NOT NULL,
    collection TEXT NOT NULL,
    at TEXT NOT NULL,
    slot TEXT,
    outcome TEXT NOT NULL,
    slots INTEGER NOT NULL,
    job_id TEXT
);
CREATE TABLE IF NOT EXISTS hand_runs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS schedule_runs_of ON schedule_runs (schedule_id, number);
CREATE INDEX IF NOT EXISTS schedule_runs_by_job ON schedule_runs (job_id)
    WHERE job_id IS NOT NULL;
"""
FIELDS = (
    "id", "collection", "url", "filename", "every_hours", "anchor", "created_at", "created_by",
    "chosen", "columns", "decided", "is_paused", "ran", "missed", "overlapped", "succeeded_at",
)  # fmt: skip
MOMENTS = ("anchor", "created_at", "succeeded_at")
PUT = sql(
    "REPLACE INTO schedules (", ", ".join(FIELDS), ") VALUES (",
    ", ".join(f":{one}" for one in FIELDS), ")",
)  # fmt: skip
TWICE = "'{}' is fetched as '{}' by another schedule: change or remove that one"
KEPT = 100
"""Of the runs of each, the last."""
TOLD = 20
HAND_RUNS_KEPT = 100
"""Of runs by hand, the last moments: more than may be in a minute."""
LAST_SUCCESS = """
SELECT max(ended_at) FROM schedule_runs JOIN jobs ON jobs.id = schedule_runs.job_id
WHERE schedule_id = ? AND jobs.state = 'succeeded'
"""
SERVED = "collection IN (SELECT name FROM collections WHERE state = 'active')"


class ScheduleRows(FetchRows):
    """The part of the ledger that says what is fetched when; each method is one transaction."""

    @reads
    def schedules(self, collection: str | None = None) -> list[tuple[Schedule, Sequence[Run]]]:
        """See ScheduleStore."""
        where = "WHERE ?1 IS NULL OR collection = ?1 ORDER BY created_at, id"
        return [(one, self._runs(one.id)) for one in self._schedules(where, collection)]

    @change
    def add_schedule(self, schedule: Schedule) -> bool:
        """See ScheduleStore."""
        if self._same_as(schedule):
            return False
        self._put_schedule(schedule)
        self._note_change(schedule, "add", schedule.created_by)
        return True

    def _same_as(self, schedule: Schedule) -> bool:
        where = "WHERE collection = ? AND url = ? AND filename IS ?"
        return bool(self._schedules(where, schedule.collection, schedule.url, schedule.filename))

    @change
    def change_schedule(
        self,
        schedule_id: str,
        by: str,
        *,
        every_hours: int | None = None,
        is_paused: bool | None = None,
        filename: str | None = None,
    ) -> Schedule | NotRun | None:
        """See ScheduleStore."""
        for one in self._schedules("WHERE id = ?", schedule_id):
            self._follow_schedule(one)  # what came until now was as it was until now
            (before,) = self._schedules("WHERE id = ?", schedule_id)
            after = with_period(before, every_hours or before.every_hours, self._clock.now())
            if is_paused is not None:
                after = replace(after, is_paused=is_paused)
            if filename is not None:
                after = replace(after, filename=filename)
            if after.filename != before.filename and self._same_as(after):
                return NotRun("refused", TWICE.format(after.url, filename))
            if after != before:
                self._put_schedule(after)
                self._note_change(after, "change", by)
            return after
        return None

    @change
    def remove_schedule(self, schedule_id: str, by: str) -> Schedule | None:
        """See ScheduleStore."""
        for one in self._schedules("WHERE id = ?", schedule_id):
            self._note_change(one, "remove", by)
            self._execute("DELETE FROM schedules WHERE id = ?", schedule_id)
            self._execute("DELETE FROM schedule_runs WHERE schedule_id = ?", schedule_id)
            return one
        return None

    @change
    def run_schedules(self, schedule_ids: Sequence[str], by: str) -> list[Ran | NotRun]:
        """See ScheduleStore."""
        self._follow_jobs()
        now, kept = self._clock.now(), HAND_RUNS_KEPT
        ((count,),) = self._rows(
            "SELECT count(*) FROM hand_runs WHERE at > ? AND at <= ?",
            (now - MINUTE).isoformat(),
            now.isoformat(),
        )
        done = [self._run_by_hand(one, by, count) for one in dict.fromkeys(schedule_ids)]
        if any(isinstance(one, Ran) for one in done):
            self._execute("INSERT INTO hand_runs (at) VALUES (?)", now.isoformat())
            self._execute(
                "DELETE FROM hand_runs WHERE number <= (SELECT max(number) FROM hand_runs) - ?",
                kept,
            )
        return done

    def _run_by_hand(self, schedule_id: str, by: str, count: int) -> Ran | NotRun:
        for one in self._schedules("WHERE id = ?", schedule_id):
            if count >= BY_HAND_A_MINUTE:
                reason = f"{count} runs by hand in a minute are enough: wait a minute"
                return NotRun("too often", reason)
            done = self._fetch_for(one, Wish(f"by hand:{uuid4().hex}", by))
            if done.job is None:
                return NotRun("running", done.reason or "")
            self._add_run(one, Run(self._clock.now(), None, "by hand", 1, done.job.id))
            return Ran(one, done.job.id)
        return NotRun("unknown", f"there is no schedule '{schedule_id}'")

    async def follow_schedules(self) -> int:
        """See ScheduleStore."""
        waiting = await self._waiting_schedules()
        return await self._follow_schedules() if waiting else 0

    @reads
    def _waiting_schedules(self) -> bool:
        now = self._clock.now()
        for one in self._schedules(f"WHERE {SERVED}"):
            found = due(one, now)
            if found.missed or found.slot or self._succeeded_at(one) != one.succeeded_at:
                return True
        return False

    @change
    def _follow_schedules(self) -> int:
        self._follow_jobs()
        return sum(self._follow_schedule(one) for one in self._schedules(f"WHERE {SERVED}"))

    def _follow_schedule(self, schedule: Schedule) -> int:
        """Decide the slots that have come, in the transaction of the caller; count them."""
        now = self._clock.now()
        before = replace(schedule, succeeded_at=self._succeeded_at(schedule))
        found, job_id = due(before, now), None
        if found.missed:
            passed = before.decided + found.missed - 1
            self._add_run(before, Run(now, before.slot(passed), "missed", found.missed))
        if found.slot is not None:
            who = f"schedule:{before.id}"
            done = self._fetch_for(before, Wish(f"{who}:{found.slot.isoformat()}", who))
            job_id = done.job.id if done.job else None
            outcome = "ran" if job_id else "overlapped"
            self._add_run(before, Run(now, found.slot, outcome, 1, job_id))
        after = settled(before, found, is_overlapped=job_id is None)
        if after != schedule:
            self._put_schedule(after)
        return after.settled - schedule.settled

    def _fetch_for(self, schedule: Schedule, wish: Wish) -> Submitted:
        order = FetchOrder(
            collection=schedule.collection,
            urls=(schedule.url,),
            filename=schedule.filename,
            text_columns=schedule.chosen.text,
            context_columns=schedule.chosen.context,
            columns=schedule.columns,
            why=f"every {schedule.every_hours} h",
        )
        return self._submit_fetch(order, schedule.url, wish)

    def _succeeded_at(self, schedule: Schedule) -> datetime | None:
        ((text,),) = self._rows(LAST_SUCCESS, schedule.id)
        last = datetime.fromisoformat(text) if text else None
        known = [one for one in (last, schedule.succeeded_at) if one is not None]
        return max(known, default=None)

    def _add_run(self, schedule: Schedule, run: Run) -> None:
        self._execute(
            "INSERT INTO schedule_runs (schedule_id, collection, at, slot, outcome, slots, job_id)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            schedule.id,
            schedule.collection,
            run.at.isoformat(),
            run.slot and run.slot.isoformat(),
            run.outcome,
            run.slots,
            run.job_id,
        )
        self._execute(
            "DELETE FROM schedule_runs WHERE schedule_id = ?1 AND number <= (SELECT number FROM"
            " schedule_runs WHERE schedule_id = ?1 ORDER BY number DESC LIMIT 1 OFFSET ?2)",
            schedule.id,
            KEPT,
        )

    def _note_change(self, schedule: Schedule, action: str, by: str) -> None:
        named = schedule.collection, schedule.filename or schedule.url
        paused = ", paused" if schedule.is_paused else ""
        told = f"{schedule.url} every {schedule.every_hours} h{paused}"
        self._note_effect("schedule", named, action, by, self._clock.now(), told)

    def _put_schedule(self, schedule: Schedule) -> None:
        values: dict[str, Any] = {one: getattr(schedule, one) for one in FIELDS}
        for one in MOMENTS:
            values[one] = values[one] and values[one].isoformat()
        values["chosen"] = json.dumps([schedule.chosen.text, schedule.chosen.context])
        self._connection.execute(PUT, values)

    def _schedules(self, where: str, *values: object) -> list[Schedule]:
        query = sql("SELECT", ", ".join(FIELDS), "FROM schedules", where)
        return [_schedule(row) for row in self._rows(query, *values)]

    def _runs(self, schedule_id: str) -> list[Run]:
        rows = self._rows(
            "SELECT at, slot, outcome, slots, job_id FROM schedule_runs WHERE schedule_id = ?"
            " ORDER BY number DESC LIMIT ?",
            schedule_id,
            TOLD,
        )
        return [
            Run(datetime.fromisoformat(at), slot and datetime.fromisoformat(slot), *rest)
            for at, slot, *rest in rows
        ]


def _schedule(row: sqlite3.Row) -> Schedule:
    values = dict(row)
    for one in MOMENTS:
        values[one] = values[one] and datetime.fromisoformat(values[one])
    text, context = json.loads(values["chosen"])
    values["chosen"] = Chosen(tuple(text), None if context is None else tuple(context))
    return Schedule(**values | {"is_paused": bool(values["is_paused"])})
