"""Tables of manifests, and what is made of their rows."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any
from uuid import uuid4

from services.discovery.adapters.sqlite_schedule_store import ScheduleRows
from services.discovery.domain.manifests import Item, Manifest
from services.discovery.domain.schedules import BY_HAND_A_MINUTE, MINUTE, due, settled
from services.discovery.ports.manifests import ManifestRun
from services.discovery.ports.schedules import NotRun
from shared.sqlite_state import sql

MANIFESTS = """
CREATE TABLE IF NOT EXISTS manifests (
    id TEXT PRIMARY KEY,
    collection TEXT NOT NULL,
    name TEXT NOT NULL,
    url TEXT,
    content TEXT,
    every_hours INTEGER NOT NULL,
    anchor TEXT NOT NULL,
    created_at TEXT NOT NULL,
    created_by TEXT NOT NULL,
    decided INTEGER NOT NULL,
    is_paused INTEGER NOT NULL,
    ran INTEGER NOT NULL,
    missed INTEGER NOT NULL,
    overlapped INTEGER NOT NULL,
    succeeded_at TEXT,
    UNIQUE (collection, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS manifest_runs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    manifest_id TEXT NOT NULL,
    collection TEXT NOT NULL,
    at TEXT NOT NULL,
    slot TEXT,
    outcome TEXT NOT NULL,
    slots INTEGER NOT NULL,
    by TEXT NOT NULL,
    state TEXT,
    ended_at TEXT,
    reason TEXT,
    counts TEXT,
    takes INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS manifest_runs_of ON manifest_runs (manifest_id, number);
CREATE UNIQUE INDEX IF NOT EXISTS manifest_runs_running ON manifest_runs (manifest_id)
    WHERE state = 'running';
CREATE TABLE IF NOT EXISTS manifest_items (
    manifest_id TEXT NOT NULL,
    key TEXT NOT NULL,
    collection TEXT NOT NULL,
    number INTEGER NOT NULL,
    name TEXT NOT NULL,
    url TEXT,
    filename TEXT,
    outcome TEXT NOT NULL,
    reason TEXT,
    job_id TEXT,
    asked_at TEXT,
    every_hours INTEGER,
    notes TEXT,
    PRIMARY KEY (manifest_id, key)
) WITHOUT ROWID;
"""
FIELDS = (
    "id", "collection", "name", "url", "content", "every_hours", "anchor", "created_at",
    "created_by", "decided", "is_paused", "ran", "missed", "overlapped", "succeeded_at",
)  # fmt: skip
MOMENTS = ("anchor", "created_at", "succeeded_at")
PUT = sql(
    "REPLACE INTO manifests (", ", ".join(FIELDS), ") VALUES (",
    ", ".join(f":{one}" for one in FIELDS), ")",
)  # fmt: skip
RUN_FIELDS = (
    "id", "at", "slot", "outcome", "slots", "by", "state", "ended_at", "reason", "counts",
)  # fmt: skip
SELECT_RUNS = sql("SELECT", ", ".join(RUN_FIELDS), "FROM manifest_runs")
ITEM_FIELDS = (
    "key", "number", "name", "url", "filename", "outcome", "reason", "job_id", "asked_at",
    "every_hours", "notes",
)  # fmt: skip
PUT_ITEM = sql(
    "INSERT INTO manifest_items (manifest_id, collection,", ", ".join(ITEM_FIELDS),
    ") VALUES (?, ?,", ", ".join("?" for _ in ITEM_FIELDS), ")",
)  # fmt: skip
RUNS = "'{}' is being applied, since {:%H:%M:%S} UTC; wait for it"
KEPT = 100
"""Of the runs of each, the last."""
TOLD = 20


class ManifestTables(ScheduleRows):
    """What the methods about manifests are made of; they need a transaction around."""

    def _manifests(self, where: str, *values: object) -> list[Manifest]:
        query = sql("SELECT", ", ".join(FIELDS), "FROM manifests", where)
        return [_manifest(row) for row in self._rows(query, *values)]

    def _put_manifest(self, manifest: Manifest) -> None:
        values: dict[str, Any] = {one: getattr(manifest, one) for one in FIELDS}
        for one in MOMENTS:
            values[one] = values[one] and values[one].isoformat()
        self._connection.execute(PUT, values)

    def _manifest_runs(self, where: str, *values: object) -> list[ManifestRun]:
        return [_run(row) for row in self._rows(sql(SELECT_RUNS, where), *values)]

    def _last_runs(self, manifest_id: str) -> list[ManifestRun]:
        where = "WHERE manifest_id = ? ORDER BY manifest_runs.number DESC LIMIT ?"
        return self._manifest_runs(where, manifest_id, TOLD)

    def _running(self, manifest_id: str) -> ManifestRun | None:
        found = self._manifest_runs("WHERE manifest_id = ? AND state = 'running'", manifest_id)
        return found[0] if found else None

    def _add_manifest_run(self, manifest: Manifest, run: ManifestRun) -> None:
        self._execute(
            "INSERT INTO manifest_runs (id, manifest_id, collection, at, slot, outcome, slots,"
            " by, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            run.id,
            manifest.id,
            manifest.collection,
            run.at.isoformat(),
            run.slot and run.slot.isoformat(),
            run.outcome,
            run.slots,
            run.by,
            run.state,
        )
        self._execute(
            "DELETE FROM manifest_runs WHERE manifest_id = ?1 AND state IS NOT 'running' AND"
            " number <= (SELECT number FROM manifest_runs WHERE manifest_id = ?1"
            " ORDER BY number DESC LIMIT 1 OFFSET ?2)",
            manifest.id,
            KEPT,
        )

    def _items(self, manifest_id: str) -> list[Item]:
        rows = self._rows(
            sql(
                "SELECT", ", ".join(ITEM_FIELDS), "FROM manifest_items WHERE manifest_id = ?",
                "ORDER BY outcome = 'unlisted', number, key",
            ),
            manifest_id,
        )  # fmt: skip
        return [_item(row) for row in rows]

    def _put_items(self, manifest: Manifest, items: Sequence[Item]) -> None:
        self._execute("DELETE FROM manifest_items WHERE manifest_id = ?", manifest.id)
        for one in items:
            values = asdict(one) | {"asked_at": one.asked_at and one.asked_at.isoformat()}
            of_item = (values[name] for name in ITEM_FIELDS)
            self._execute(PUT_ITEM, manifest.id, manifest.collection, *of_item)

    def _follow_manifest(self, before: Manifest) -> int:
        """Decide the slots that have come, in the transaction of the caller; count them."""
        now = self._clock.now()
        found, is_overlapped = due(before, now), False
        who = f"manifest:{before.id}"
        if found.missed:
            passed = before.slot(before.decided + found.missed - 1)
            self._add_manifest_run(
                before,
                ManifestRun(
                    id=_run_id(), at=now, slot=passed, outcome="missed", slots=found.missed, by=who
                ),
            )
        if found.slot is not None:
            is_overlapped = self._running(before.id) is not None
            run = ManifestRun(id=_run_id(), at=now, slot=found.slot, outcome="ran", by=who)
            told = "overlapped" if is_overlapped else "ran"
            state = None if is_overlapped else "running"
            self._add_manifest_run(before, replace(run, outcome=told, state=state))
        after = settled(before, found, is_overlapped=is_overlapped)
        if after != before:
            self._put_manifest(after)
        return after.settled - before.settled

    def _why_not_run(self, manifest_id: str) -> NotRun | None:
        running, now = self._running(manifest_id), self._clock.now()
        if running is not None:
            for one in self._manifests("WHERE id = ?", manifest_id):
                return NotRun("running", RUNS.format(one.name, running.at))
        ((count,),) = self._rows(
            "SELECT count(*) FROM manifest_runs WHERE outcome = 'by hand' AND at > ? AND at <= ?",
            (now - MINUTE).isoformat(),
            now.isoformat(),
        )
        if count >= BY_HAND_A_MINUTE:
            reason = f"{count} runs by hand in a minute are enough: wait a minute"
            return NotRun("too often", reason)
        return None

    def _begin_by_hand(self, manifest: Manifest, by: str) -> None:
        now = self._clock.now()
        run = ManifestRun(
            id=_run_id(), at=now, slot=None, outcome="by hand", by=by, state="running"
        )
        self._add_manifest_run(manifest, run)

    def _note_manifest(self, manifest: Manifest, action: str, by: str) -> None:
        paused = ", paused" if manifest.is_paused else ""
        what = manifest.url or f"a list of {len(manifest.content or ''):,} characters"
        told = f"{what} every {manifest.every_hours} h{paused}"
        named = manifest.collection, manifest.name
        self._note_effect("manifest", named, action, by, self._clock.now(), told)


def _run_id() -> str:
    return uuid4().hex[:20]


def _manifest(row: sqlite3.Row) -> Manifest:
    values = dict(row)
    for one in MOMENTS:
        values[one] = values[one] and datetime.fromisoformat(values[one])
    return Manifest(**values | {"is_paused": bool(values["is_paused"])})


def _run(row: sqlite3.Row) -> ManifestRun:
    values = dict(row)
    for one in ("at", "slot", "ended_at"):
        values[one] = values[one] and datetime.fromisoformat(values[one])
    values["counts"] = values["counts"] and json.loads(values["counts"])
    return ManifestRun(**values)


def _item(row: sqlite3.Row) -> Item:
    values = dict(row)
    values["asked_at"] = values["asked_at"] and datetime.fromisoformat(values["asked_at"])
    return Item(**values)
