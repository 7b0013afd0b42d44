"""The uploaded files that are sources, or come to be by jobs, in the file of the ledger."""

import json
import sqlite3
from dataclasses import replace
from typing import Literal

from services.discovery.adapters.sqlite_group_commit import change, reads
from services.discovery.adapters.sqlite_job_store import SqliteJobRows, has_it
from services.discovery.adapters.sqlite_state_store_rows import SELECT_SOURCES, source_of
from services.discovery.adapters.sqlite_upload_rows import KEPT
from services.discovery.domain.job_kinds import UPLOAD
from services.discovery.domain.jobs import Job
from services.discovery.domain.ledger import SourceRecord
from services.discovery.domain.sources import folded
from services.discovery.domain.uploads import (
    EARLIER_KEPT,
    SCHEME,
    Admitted,
    BroughtFile,
    ColumnRule,
    NotAdmitted,
    UploadedFile,
    is_uploaded,
)
from services.discovery.ports.jobs import Wish
from shared.clock import Clock
from shared.contracts.source_list import ListSources, SourcePage, SourceRow, SourceTotals
from shared.contracts.uploads import UploadFacts, numbered
from shared.sqlite_state import sql

MOST_OF_A_NAME = 1000
MIB = 1 << 20
PAGE = """
WHERE collection = :collection AND (:source IS NULL OR source_id = :source) AND filename > :after
AND (instr(lower(filename), :text) > 0 OR :text = ''
    OR (length(filename) < length(CAST(filename AS BLOB)) AND instr(folded(filename), :text) > 0))
AND (:kind IS NULL OR :kind = CASE
    WHEN path NOT LIKE :uploads THEN 'folder'
    WHEN source_id IN (SELECT source_id FROM fetched JOIN uploads USING (source_id, job_id))
    OR source_id IN (SELECT source_id FROM brought WHERE is_placed AND url IS NOT NULL
        AND source_id NOT IN (SELECT source_id FROM uploads))
    THEN 'url' ELSE 'upload' END)
"""
IN_ORDER = "ORDER BY filename LIMIT :limit + 1"
TOTALS = """
SELECT count(*), max(coalesce(completed_at, discovered_at)) FROM sources WHERE collection = ?
"""
SIZES = """
SELECT coalesce(sum(size), 0) FROM (
    SELECT size FROM brought WHERE collection = ?1 AND source_id IS NOT ?2
    UNION ALL SELECT size FROM uploads WHERE collection = ?1 AND source_id IS NOT ?2)
"""
"""What the files of a collection take, but for those of one source."""


class UploadRows(SqliteJobRows):
    """The part of the ledger that says which sources were uploaded."""

    def __init__(self, connection: sqlite3.Connection, clock: Clock | None = None) -> None:
        super().__init__(connection, clock)
        # SQLite's own lower() knows no letters but those of ASCII; it is twenty times as fast.
        connection.create_function("folded", 1, folded, deterministic=True)

    @change
    def submit_upload(
        self,
        wanted: UploadedFile,
        wish: Wish,
        *,
        replaces: bool,
        quota_bytes: int,
        columns: ColumnRule = "preferred",
    ) -> Admitted | NotAdmitted:
        """See UploadStore."""
        self._follow_jobs()
        if (known := self._admitted_before(wanted)) is not None:
            return known
        preferred = self._preferred(wanted.collection)
        if columns == "preferred" and wanted.chosen.is_nothing and preferred is not None:
            wanted = wanted.read_by(preferred)
        file = self._admit(wanted, wanted.ledger_job, replaces=replaces, quota_bytes=quota_bytes)
        if isinstance(file, NotAdmitted):
            self._release(wanted)
            return file
        if (holder := self._holder(file.source_id)) is not None:
            self._release(wanted)
            coming = self._brought(holder.id)
            if coming is not None and coming.file.is_same(file):
                return Admitted(coming.file, holder)
            return NotAdmitted(has_it(holder.filename, holder))
        if columns == "kept":
            now = self._clock.now()
            self._prefer(wanted.collection, wanted.chosen, wanted.uploaded_by, now)
        return Admitted(file, self._queue(file, wish))

    def _queue(self, file: UploadedFile, wish: Wish) -> Job:
        now = self._clock.now()
        job = Job(
            id=file.ledger_job,
            collection=file.collection,
            kind=UPLOAD.name,
            source_id=file.source_id,
            filename=file.filename,
            place=self._next_place(),
            created_at=now,
            created_by=wish.who,
            preferences=file.preferences,
            received=file.size,
            total=file.size,
        )
        self._put_brought(BroughtFile(job.id, file))
        self._put_job(job, now, f"queued by {wish.who}: {file.size:,} bytes")
        self._audit(job, "submit", wish, now)
        return job

    def _admitted_before(self, wanted: UploadedFile) -> Admitted | NotAdmitted | None:
        """Return what the same command got when it was delivered before."""
        for job in self._jobs("WHERE id = ?", wanted.ledger_job):
            if (job.kind, job.collection) != (UPLOAD.name, wanted.collection):
                return NotAdmitted(f"its id is that of job {job.id}: upload it anew")
            one = self._bytes_of(job)
            gone = replace(one.file if one else wanted, blob=wanted.blob, size=job.received)
            is_it = one is not None and one.file.blob == wanted.blob
            return Admitted(
                one.file if one and is_it else replace(gone, filename=job.filename), job
            )
        for file in self._uploads("WHERE collection = ?", wanted.collection):
            if wanted.job_id in (file.job_id, *file.earlier):
                return Admitted(file)
        return None

    def _admit(
        self, wanted: UploadedFile, job: str, *, replaces: bool, quota_bytes: int
    ) -> UploadedFile | NotAdmitted:
        """Give a file that a job brings its name, if there is room for it."""
        name = self._free_name(wanted, job, replaces=replaces)
        if name is None:
            return NotAdmitted(f"there are too many files called '{wanted.filename}'")
        file = replace(wanted, filename=name)
        before = self._content(file.source_id)
        ((taken,),) = self._rows(SIZES, wanted.collection, file.source_id)
        if taken + wanted.size > quota_bytes:
            return NotAdmitted(
                f"the uploaded files of '{wanted.collection}' take {taken / MIB:,.1f} MiB; with "
                f"this one they would take more than the {quota_bytes // MIB:,} of "
                "blobs.quota_mb: remove some, or have that raised"
            )
        earlier = (*before.earlier, before.job_id)[-EARLIER_KEPT:] if before else ()
        return replace(file, earlier=earlier)

    def _free_name(self, wanted: UploadedFile, job: str, *, replaces: bool) -> str | None:
        """Choose the name of a file that a job brings; none if all are taken."""
        for number in range(1, MOST_OF_A_NAME + 1):
            name = numbered(wanted.filename, number)
            source_id = replace(wanted, filename=name).source_id
            holder = self._holder(source_id)
            is_coming = holder is not None and holder.id != job
            is_there = is_coming or self._content(source_id) is not None
            if is_there and replaces and number == 1:
                return name
            known = self._source(source_id)
            if not is_there and (known is None or _is_removed(known)):
                return name
        return None

    @reads
    def admitted_before(self, wanted: UploadedFile) -> Admitted | NotAdmitted | None:
        """See UploadStore."""
        return self._admitted_before(wanted)

    @reads
    def uploads(self) -> list[UploadedFile]:
        """See UploadStore."""
        return self._read()

    @reads
    def find_upload(self, source_id: str) -> UploadedFile | None:
        """See UploadStore."""
        return next(iter(self._read(source_id)), None)

    @change
    def relisted(self) -> list[tuple[str, str, UploadedFile | None]]:
        """See UploadStore."""
        found = self._rows("DELETE FROM temp.relisted RETURNING collection, source_id")
        return [(name, one, next(iter(self._read(one)), None)) for name, one in found]

    @reads
    def kept_bytes(self, collection: str | None = None) -> frozenset[tuple[str, str]]:
        """See UploadStore."""
        return frozenset((blob, job) for blob, job in self._rows(KEPT, collection))

    @reads
    def leaving(self) -> list[tuple[str, str]]:
        """See UploadStore."""
        return [(blob, job) for blob, job in self._rows("SELECT blob, job_id FROM leaving")]

    @change
    def left(self, blob: str, job_id: str) -> None:
        """See UploadStore."""
        self._execute("DELETE FROM leaving WHERE blob = ? AND job_id = ?", blob, job_id)

    @reads
    def columns(self, collection: str) -> tuple[tuple[str, ...], list[UploadedFile]]:
        """See PreferenceStore."""
        rows = self._rows("SELECT blob, names FROM table_columns WHERE collection = ?", collection)
        known = {blob: json.loads(names) for blob, names in rows}
        read = [one for one in self._read() if one.collection == collection]
        files = sorted(read, key=lambda one: one.uploaded_at, reverse=True)
        names = dict.fromkeys(one for file in files for one in known.get(file.blob, ()))
        unknown = {file.blob: file for file in files if file.blob not in known}
        return tuple(names), [*unknown.values()]

    @reads
    def page_of_sources(self, asked: ListSources) -> SourcePage:
        """See UploadStore."""
        found = self._page_of_sources(asked)
        page = found[: asked.limit]
        sizes = self._rows(SIZES, asked.collection, None)
        return SourcePage(
            items=tuple(self._row(one) for one in page),
            uploaded_bytes=sizes[0][0],
            next_after=page[-1].filename if len(found) > len(page) else None,
            totals=self._totals(asked.collection) if asked.with_totals else None,
        )

    def _page_of_sources(self, asked: ListSources) -> list[SourceRecord]:
        """Return the sources of a page, and one more if there are more.

        Each state by itself is in the order of an index; together all would be looked through.
        """
        found = []
        for state in dict.fromkeys(asked.states or (None,)):
            given = {"state": state, "text": folded(asked.text), "uploads": f"{SCHEME}%"}
            values = asked.model_dump() | given
            query = sql(SELECT_SOURCES, PAGE, "AND status = :state" if state else "", IN_ORDER)
            found += map(source_of, self._connection.execute(query, values))
        return sorted(found, key=lambda one: one.filename)[: asked.limit + 1]

    def _totals(self, collection: str) -> SourceTotals:
        ((count, changed),) = self._rows(TOTALS, collection)
        return SourceTotals(sources=count, changed_at=changed)

    def _row(self, source: SourceRecord) -> SourceRow:
        one = source.source_id
        files = self._uploads("WHERE source_id = ?", one) or self._read(one)
        urls = self._rows(
            "SELECT url FROM fetched JOIN uploads USING (source_id, job_id) WHERE source_id = ?1"
            " UNION ALL SELECT url FROM brought WHERE source_id = ?1 AND is_placed"
            " AND url IS NOT NULL AND source_id NOT IN (SELECT source_id FROM uploads)",
            one,
        )
        url = str(urls[0][0]) if urls else None
        return SourceRow(
            source_id=source.source_id,
            filename=source.filename,
            kind=_kind(source, url),
            status=source.status,
            source_version=source.source_version,
            size_bytes=files[0].size if files else source.size,
            seen=source.seen,
            staged=source.staged,
            mapped=source.mapped,
            dead=source.dead,
            in_flight=source.in_flight,
            reason=source.reason,
            discovered_at=source.discovered_at,
            completed_at=source.completed_at,
            gone_at=source.gone_at,
            upload=_facts(files[0], url) if files else None,
        )


def _is_removed(source: SourceRecord) -> bool:
    """Tell whether a source was an uploaded file that was taken off the map, and told to be."""
    return is_uploaded(source.path) and source.is_forgotten and source.is_announced


def _kind(source: SourceRecord, url: str | None) -> Literal["folder", "upload", "url"]:
    if not is_uploaded(source.path):
        return "folder"
    return "url" if url is not None else "upload"


def _facts(file: UploadedFile, url: str | None) -> UploadFacts:
    return UploadFacts(
        blob=file.blob,
        job_id=file.job_id,
        size_bytes=file.size,
        media_type=file.media_type,
        uploaded_at=file.uploaded_at,
        uploaded_by=file.uploaded_by,
        text_columns=file.text_columns,
        context_columns=file.context_columns,
        preferences=file.preferences,
        url=url,
    )
