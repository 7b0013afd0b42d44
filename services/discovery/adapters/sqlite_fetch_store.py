"""Files that are fetched from URLs, in the file of the ledger: wanted, and brought."""

import json
from dataclasses import replace
from itertools import count

from services.discovery.adapters.sqlite_group_commit import change, reads
from services.discovery.adapters.sqlite_job_store import has_it, job_id_of
from services.discovery.adapters.sqlite_rechosen_store import RechosenRows
from services.discovery.adapters.sqlite_renewal_rows import BRINGING
from services.discovery.domain.fetches import (
    FetchErrand,
    FetchOrder,
    name_by_url,
)
from services.discovery.domain.job_kinds import FETCH, waits_for_bytes
from services.discovery.domain.jobs import UNCHANGED, Job, View, follow, receive
from services.discovery.domain.preferences import Chosen
from services.discovery.domain.sources import source_id
from services.discovery.domain.uploads import BroughtFile, NotAdmitted, UploadedFile
from services.discovery.ports.jobs import Submitted, Wish
from shared.contracts.uploads import numbered

WAITING = f"WHERE kind IN ({BRINGING}) AND state = 'running' AND phase = 'acquiring'"
FETCHED_FROM = """WHERE source_id IN (SELECT fetched.source_id FROM fetched
    JOIN uploads AS theirs ON theirs.source_id = fetched.source_id
    AND theirs.job_id = fetched.job_id WHERE fetched.collection = ? AND fetched.url = ?)"""
"""Who has another content by now was uploaded, and is not what was fetched."""
NAMES = """
CREATE TABLE IF NOT EXISTS fetched_as (
    source_id TEXT PRIMARY KEY,
    collection TEXT NOT NULL,
    wished TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS fetched_as_wished ON fetched_as (collection, wished);
"""
"""By which names sources were wished that were fetched by one."""
WISHED = """
REPLACE INTO fetched_as (source_id, collection, wished)
SELECT ?1, ?2, filename FROM fetches WHERE job_id = ?3 AND filename IS NOT NULL
"""

TAKE_UPLOAD = """
INSERT INTO analysis_takes (job_id, collection, takes) SELECT id, collection, 1 FROM jobs
WHERE id = ? ON CONFLICT (job_id) DO UPDATE SET takes = takes + 1 RETURNING takes
"""


class FetchRows(RechosenRows):
    """The part of the ledger that says what is fetched; each method is one transaction."""

    @change
    def submit_fetches(self, order: FetchOrder, wish: Wish) -> list[Submitted]:
        """See FetchStore."""
        self._follow_jobs()
        return [self._submit_fetch(order, url, wish) for url in dict.fromkeys(order.urls)]

    @reads
    def errands(self) -> list[FetchErrand]:
        """See FetchStore."""
        return [self._errand(job) for job in self._jobs(f"{WAITING} ORDER BY place")]

    @change
    def take_fetch(self, job_id: str) -> int:
        """See FetchStore."""
        rows = self._rows(
            "UPDATE fetches SET takes = takes + 1 WHERE job_id = ? RETURNING takes", job_id
        ) or self._rows(TAKE_UPLOAD, job_id)
        return int(rows[0][0]) if rows else 0

    @change
    def receive(self, job_id: str, attempt: int, received: int, total: int | None) -> None:
        """See FetchStore."""
        job = self._waiting_for(job_id, attempt)
        if job is not None and (after := receive(job, received, total)) != job:
            self._put_job(after, self._clock.now(), None)

    @change
    def bring(self, attempt: int, brought: BroughtFile, quota_bytes: int) -> Job | None:
        """See FetchStore."""
        self._follow_jobs()
        job = self._waiting_for(brought.job, attempt)
        if job is None:
            return None
        file = brought.file
        known = self._fetched(job.collection, brought.url or "", job.filename)
        if known is not None and known.blob == file.blob and self._is_shown(known):
            self._note_validators(known, brought.etag, brought.modified)
            self._release(file)
            return self._end_fetch(job, View("done", ending="succeeded", reason=UNCHANGED))
        handed_in = self._bytes_of(job)
        there = known or (handed_in.file if handed_in else None)
        wanted = replace(file, filename=there.filename) if there else file
        named = self._admit(wanted, job.id, replaces=bool(there), quota_bytes=quota_bytes)
        if isinstance(named, NotAdmitted):
            self._release_unless(file, there)
            return self._end_fetch(job, View(ending="failed", reason=named.reason))
        if self._brought(job.id) is not None and there:  # its records take its place
            self._release_unless(there, named)
        self._put_brought(replace(brought, file=named))
        if handed_in:
            return self._go_on(job, f"analysed: {named.size:,} bytes of records")
        self._execute(WISHED, named.source_id, job.collection, job.id)
        facts = {"source_id": named.source_id, "filename": named.filename}
        come = replace(job, **facts, received=named.size, total=named.size)
        return self._go_on(come, f"fetched: {named.size:,} bytes")

    @change
    def end_fetch(
        self, job_id: str, attempt: int, reason: str | None, brought: tuple[str | None, str | None]
    ) -> bool:
        """See FetchStore."""
        self._follow_jobs()
        job = self._waiting_for(job_id, attempt)
        if job is None:
            return False
        if reason is not None:
            self._end_fetch(job, View(ending="failed", reason=reason))
            return True
        known = self._fetched(job.collection, self._errand(job).url or "", job.filename)
        if known is None or not self._is_shown(known):  # it went meanwhile: it is to be fetched
            return False
        self._note_validators(known, *brought)
        self._end_fetch(job, View("done", ending="succeeded", reason=UNCHANGED))
        return True

    def _submit_fetch(self, order: FetchOrder, url: str, wish: Wish) -> Submitted:
        job_id = job_id_of(wish.key, url)
        for known in self._jobs("WHERE id = ?", job_id):
            return Submitted(url, known)
        place = self._place_of(order, url)
        if isinstance(place, Job):
            return Submitted(url, reason=has_it(place.filename, place))
        now = self._clock.now()
        chosen, preferences = self._columns_of(order)
        job = Job(
            id=job_id,
            collection=order.collection,
            kind=FETCH.name,
            source_id=source_id(order.collection, place),
            filename=place,
            place=self._next_place(),
            created_at=now,
            created_by=wish.who,
            why=order.why,
            preferences=preferences,
        )
        self._execute(
            "INSERT INTO fetches (job_id, collection, url, filename, text_columns,"
            " context_columns) VALUES (?, ?, ?, ?, ?, ?)",
            job.id,
            job.collection,
            url,
            order.filename,
            json.dumps(chosen.text),
            None if chosen.context is None else json.dumps(chosen.context),
        )
        self._put_job(job, now, f"queued by {wish.who}")
        self._audit(job, "submit", wish, now)
        return Submitted(url, job)

    def _columns_of(self, order: FetchOrder) -> tuple[Chosen, int | None]:
        """Choose the columns by which files are read, and say of which preferences they are."""
        context = order.context_columns
        chosen = Chosen(tuple(order.text_columns), None if context is None else tuple(context))
        preferred = self._preferred(order.collection)
        if order.columns == "own" or not chosen.is_nothing or preferred is None:
            return chosen, None
        return preferred.chosen, preferred.version

    def _place_of(self, order: FetchOrder, url: str) -> str | Job:
        """Choose the name of what lies there until it is there; or return the job that has it."""
        same = self._jobs(
            "WHERE id IN (SELECT job_id FROM fetches WHERE collection = ? AND url = ?)"
            " AND state IN ('queued', 'running')",
            order.collection,
            url,
        )
        if known := self._fetched(order.collection, url, order.filename):
            return self._holder(known.source_id) or known.filename
        given = order.filename or name_by_url(url)
        for one in same:
            if order.filename in (None, one.filename):
                return one
        names = (numbered(given, number) for number in count(1))
        return next(one for one in names if self._is_free(order.collection, one))

    def _is_free(self, collection: str, name: str) -> bool:
        one = source_id(collection, name)
        return self._holder(one) is None and not self._select("WHERE source_id = ?", one)

    def _errand(self, job: Job) -> FetchErrand:
        (row,) = self._rows("SELECT * FROM fetches WHERE job_id = ?", job.id)
        known = self._fetched(job.collection, row["url"], job.filename)
        etag = modified = None
        if known is not None and self._is_shown(known):
            ((etag, modified),) = self._rows(
                "SELECT etag, modified FROM fetched WHERE source_id = ?", known.source_id
            )
        context = row["context_columns"]
        return FetchErrand(
            job=job,
            url=row["url"],
            filename=known.filename if known else row["filename"],
            text_columns=tuple(json.loads(row["text_columns"])),
            context_columns=None if context is None else tuple(json.loads(context)),
            etag=etag,
            modified=modified,
        )

    def _fetched(self, collection: str, url: str, name: str | None) -> UploadedFile | None:
        """Return the source that was fetched from there, by that name if it has several.

        Where that was taken, it is called otherwise; by the name that was wished it is known, too.
        """
        found = self._uploads(f"{FETCHED_FROM} ORDER BY filename", collection, url)
        named = [one for one in found if name in (None, one.filename)]
        if not named:
            wished = self._rows(
                "SELECT source_id FROM fetched_as WHERE collection = ? AND wished = ?",
                collection,
                name,
            )
            named = [one for one in found if one.source_id in {row[0] for row in wished}]
        return named[0] if named else None

    def _is_shown(self, file: UploadedFile) -> bool:
        """Tell whether all of this content is on the map, or waits for nothing but its end."""
        source = self._source(file.source_id)
        return source is not None and source.status == "completed" and not source.is_forgotten

    def _go_on(self, job: Job, told: str) -> Job:
        """Have a job go on whose bytes are there."""
        now = self._clock.now()
        after = follow(job, View("validating"), now)
        self._put_job(after, now, told)
        self._execute("INSERT OR IGNORE INTO temp.touched VALUES (?)", job.source_id)
        return after

    def _release_unless(self, file: UploadedFile, kept: UploadedFile | None) -> None:
        """Have bytes removed, unless they are what is kept: an analysis may give the same."""
        if kept is None or (file.blob, file.job_id) != (kept.blob, kept.job_id):
            self._release(file)

    def _waiting_for(self, job_id: str, attempt: int) -> Job | None:
        found = self._jobs(f"{WAITING} AND id = ? AND retries = ?", job_id, attempt)
        return found[0] if found and waits_for_bytes(found[0]) else None

    def _note_validators(self, file: UploadedFile, etag: str | None, modified: str | None) -> None:
        self._execute(
            "UPDATE fetched SET etag = ?, modified = ? WHERE source_id = ?",
            etag,
            modified,
            file.source_id,
        )

    def _end_fetch(self, job: Job, view: View) -> Job:
        now = self._clock.now()
        after = follow(job, view, now)
        self._put_job(after, now, f"{view.ending}: {view.reason}")
        self._end(after, now)
        return after
