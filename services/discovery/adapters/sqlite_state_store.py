"""The ledger of every source in one SQLite file."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Self

from services.discovery.adapters.sqlite_analysis_store import AnalysisRows
from services.discovery.adapters.sqlite_contradiction_store import ContradictionRows
from services.discovery.adapters.sqlite_deletion_store import DeletionRows
from services.discovery.adapters.sqlite_group_commit import change, reads
from services.discovery.adapters.sqlite_loss_store import LossRows
from services.discovery.adapters.sqlite_manifest_store import ManifestRows
from services.discovery.adapters.sqlite_match_store import MatchRows
from services.discovery.adapters.sqlite_move_store import MoveRows
from services.discovery.adapters.sqlite_presence_store import PresenceRows
from services.discovery.adapters.sqlite_rest_store import RestRows
from services.discovery.adapters.sqlite_settling import IS_BEING_PUT_ASIDE
from services.discovery.adapters.sqlite_stall_store import StallRows
from services.discovery.adapters.sqlite_state_store_dead_letters import LetterRows
from services.discovery.adapters.sqlite_state_store_schema import open_connection
from services.discovery.adapters.sqlite_version_store import VersionRows
from services.discovery.domain.completeness import WhyIncomplete
from services.discovery.domain.contradictions import against_death
from services.discovery.domain.ledger import (
    STATUSES,
    CommandRef,
    Commit,
    Death,
    SourceRecord,
    Status,
)
from services.discovery.domain.sources import SourceStat
from services.discovery.domain.totals import Totals
from shared.clock import Clock
from shared.sqlite_state import sql

CHUNK = 500
"""How many ids go into one statement."""


class SqliteStateStore(
    StallRows,
    ContradictionRows,
    LetterRows,
    LossRows,
    MoveRows,
    PresenceRows,
    DeletionRows,
    RestRows,
    AnalysisRows,
    ManifestRows,
    MatchRows,
    VersionRows,
):
    """Keeps the ledger in ``discovery.sqlite``; every method is durable when it returns."""

    @classmethod
    @asynccontextmanager
    async def open(cls, folder: Path, clock: Clock | None = None) -> AsyncGenerator[Self]:
        """Open the ledger of a folder for the time of the block; the clock dates its jobs.

        Raises:
            ConfigurationError: The folder or the file cannot be used.
        """
        store = cls(await open_connection(folder), clock)
        try:
            yield store
        finally:
            await store._commits.close()

    @reads
    def get(self, source_ids: Sequence[str]) -> dict[str, SourceRecord]:
        """See StateStore."""
        found: dict[str, SourceRecord] = {}
        for start in range(0, len(source_ids), CHUNK):
            chunk = source_ids[start : start + CHUNK]
            marks = ", ".join("?" * len(chunk))
            rows = self._select(f"WHERE source_id IN ({marks})", *chunk)
            found.update((row.source_id, row) for row in rows)
        return found

    @reads
    def list_sources(self, collection: str | None = None) -> list[SourceRecord]:
        """See StateStore."""
        return self._select(
            "WHERE ?1 IS NULL OR collection = ?1 ORDER BY collection, filename", collection
        )

    @reads
    def unfinished(self, collection: str | None = None) -> list[SourceRecord]:
        """See StateStore."""
        return self._select(
            "WHERE (status IN ('reading', 'dispatched')"
            f" OR status = 'failed' AND {IS_BEING_PUT_ASIDE})"
            " AND (?1 IS NULL OR collection = ?1) ORDER BY collection, filename",
            collection,
        )

    @reads
    def failed(self, collection: str, most: int) -> list[SourceRecord]:
        """See StateStore."""
        return self._select(
            "WHERE status = 'failed' AND collection = ? ORDER BY filename LIMIT ?",
            collection,
            most,
        )

    @reads
    def totals(self, collection: str) -> Totals:
        """See StateStore."""
        rows = self._rows(
            "SELECT status, sources, seen, mapped, dead, dropped FROM totals WHERE collection = ?",
            collection,
        )
        in_flight = self._rows("SELECT records FROM in_flight WHERE collection = ?", collection)
        held = "SELECT coalesce(sum(staged), 0) FROM sources WHERE is_held AND collection = ?"
        sources = {row[0]: row[1] for row in rows}
        seen, mapped, dead, dropped = (sum(row[column] for row in rows) for column in (2, 3, 4, 5))
        counts = {status: sources.get(status, 0) for status in STATUSES}
        waiting = self._rows(held, collection)[0][0]
        on_the_way = in_flight[0][0] if in_flight else 0
        return Totals(counts, seen, mapped, dead, on_the_way, dropped, waiting)

    @change
    def note_incomplete(self, stat: SourceStat, why: WhyIncomplete, now: datetime) -> None:
        """See StateStore."""
        self._put_stat(stat, now, why=why)
        self._execute(
            "UPDATE sources SET status = 'incomplete', reason = NULL"
            " WHERE source_id = ? AND source_version = 0",
            stat.source_id,
        )

    @change
    def note_unchanged(self, stat: SourceStat, now: datetime) -> list[SourceRecord]:
        """See StateStore."""
        self._put_stat(stat, now, is_checked=True)
        self._execute(
            "UPDATE sources SET reason = NULL, is_announced = 0,"
            " status = iif(completed_at IS NULL, 'dispatched', 'completed')"
            " WHERE source_id = ? AND status = 'failed' AND is_read AND NOT is_held",
            stat.source_id,
        )
        self._execute(
            "UPDATE sources SET reason = NULL WHERE source_id = ? AND is_forgotten",
            stat.source_id,
        )
        return self._settle([stat.source_id], now)

    @change
    def record_batch(self, batch_id: str, source_id: str, version: int, records: int) -> None:
        """See StateStore."""
        if (source := self._current(source_id, version)) is not None:
            self._change(source, batch_id, lambda batch: batch.record(records), is_news=False)

    @change
    def apply_committed(self, commits: Sequence[Commit], now: datetime) -> list[SourceRecord]:
        """See StateStore."""
        touched: dict[str, None] = {}
        for commit in commits:
            source = self._current(commit.source_id, commit.source_version)
            if source is not None:
                self._commit(source, commit, now)
                touched[commit.source_id] = None
        return self._settle(touched, now)

    @change
    def apply_deaths(self, deaths: Sequence[Death], now: datetime) -> list[SourceRecord]:
        """See StateStore."""
        touched: dict[str, None] = {}
        for death in deaths:
            source = self._current(death.source_id, death.source_version)
            if source is None or source.is_forgotten:
                continue
            touched[source.source_id] = None
            if source.completed_at is None and self._is_new(death):
                if death.batch_id is not None:
                    what = against_death(self._account(death.batch_id), death)
                    self._contradict(source, death.batch_id, what, now)
                self._dead_letter(source, death)
        return self._settle(touched, now)

    @change
    def fail(self, stat: SourceStat, reason: str, now: datetime) -> SourceRecord | None:
        """See StateStore."""
        if self._select("WHERE source_id = ? AND is_held", stat.source_id):
            return None  # what is noted of its file stays, so that it is looked at again
        known = self._put_stat(stat, now)
        if known.is_forgotten:
            self._execute(
                "UPDATE sources SET reason = ? WHERE source_id = ?", reason, stat.source_id
            )
            return None
        if known.status != "failed" or known.reason != reason:
            self._execute(
                "UPDATE sources SET status = 'failed', reason = ?, is_announced = 0"
                " WHERE source_id = ?",
                reason,
                stat.source_id,
            )
        # A job that has it read anew hears of that.
        self._execute(
            "UPDATE sources SET renewal = nullif(renewal, 'wanted') WHERE source_id = ?",
            stat.source_id,
        )
        self._put_aside(stat.source_id)
        rows = self._select("WHERE source_id = ? AND NOT is_announced", stat.source_id)
        return rows[0] if rows else None

    @change
    def forget(self, source_id: str, ref: CommandRef) -> SourceRecord | None:
        """See StateStore."""
        return self._forget(source_id, ref)

    @change
    def mark_announced(
        self,
        source_id: str,
        status: Status,
        version: int | None = None,
        ended_at: datetime | None = None,
    ) -> None:
        """See StateStore."""
        self._execute(
            "UPDATE sources SET is_announced = 1 WHERE source_id = ?1 AND status = ?2"
            " AND (?3 IS NULL OR source_version = ?3) AND (?4 IS NULL OR completed_at = ?4)",
            source_id,
            status,
            version,
            ended_at and ended_at.isoformat(),
        )

    @reads
    def unannounced(self) -> list[SourceRecord]:
        """See StateStore."""
        return self._select(
            "WHERE NOT is_announced AND status IN ('completed', 'failed', 'forgotten')"
            " ORDER BY collection, filename"
        )

    @change
    def forget_accounts(self, before: datetime) -> int:
        """See StateStore."""
        # Looked up for each of the few that there are: a look at every source would be long.
        old = (
            " WHERE EXISTS (SELECT 1 FROM sources WHERE sources.source_id = {0}.source_id"
            " AND completed_at < ?)"
        )
        for table in ("dead_letters", "resends"):
            self._execute(sql("DELETE FROM", table, old.format(table)), before.isoformat())
        rows = self._rows(
            sql("DELETE FROM batches", old.format("batches"), "RETURNING 1"), before.isoformat()
        )
        return len(rows)

    @change
    def forget_missing(self, collection: str, present: frozenset[str]) -> int:
        """See StateStore."""
        rows = self._rows(
            "SELECT source_id FROM sources WHERE source_version = 0 AND collection = ?", collection
        )
        missing = [row[0] for row in rows if row[0] not in present]
        for source_id in missing:
            self._execute("DELETE FROM sources WHERE source_id = ?", source_id)
        return len(missing)
