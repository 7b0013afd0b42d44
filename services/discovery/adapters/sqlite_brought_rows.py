"""What becomes of the files that jobs bring: placed, made the content of their source, let go."""

import json
from datetime import datetime

from services.discovery.adapters.sqlite_renewal_rows import RenewalRows
from services.discovery.adapters.sqlite_upload_rows import UploadedRows
from services.discovery.domain.job_kinds import KINDS, is_on_its_way, waits_for_bytes
from services.discovery.domain.jobs import UNCHANGED, Job, View
from services.discovery.domain.ledger import CommandRef, SourceRecord
from services.discovery.domain.uploads import BroughtFile

TAKEN_OFF = "its source was taken off the map"
NOTHING = json.dumps(
    dict.fromkeys(("fingerprint", "content_size", "shown_version"))
    | dict.fromkeys(("seen", "mapped", "dead", "dropped"), 0)
)
"""What is put back of a source of which no version was ever whole: its content is read again."""


class BroughtRows(UploadedRows, RenewalRows):
    """The part of the ledger that follows the files of jobs, in the transactions of those."""

    def _bytes_of(self, job: Job) -> BroughtFile | None:
        return self._brought(job.id) or self._take_back(job.id, job.source_id)

    def _place(self, job: Job, now: datetime) -> View | None:
        """Have what a running job has brought read, once nothing of its source is on its way.

        Returns:
            How the job ends by that, if it does.
        """
        if not KINDS[job.kind].brings or job.version is not None or waits_for_bytes(job):
            return None
        one, source = self._bytes_of(job), self._source(job.source_id)
        if one is None:
            return View(ending="cancelled", reason=TAKEN_OFF)
        content = self._content(job.source_id)
        if source is not None and is_on_its_way(source):
            return None
        if _is_shown(source) and content is not None and content.is_same(one.file):
            return View("done", ending="succeeded", reason=UNCHANGED)
        if source is not None and self._is_placed(job.id):
            if source.status == "completed":
                self._want(job.source_id)
            return None
        self._put_in_place(one, source, now)
        return None

    def _is_placed(self, job_id: str) -> bool:
        one = self._brought(job_id)
        return one is not None and one.is_placed

    def _put_in_place(self, one: BroughtFile, source: SourceRecord | None, now: datetime) -> None:
        source_id = one.file.source_id
        if self._brought(one.job) is None:  # it was made the content when its job had failed
            self._execute("DELETE FROM uploads WHERE source_id = ?", source_id)
            self._put_brought(one)
        # A version that was held back goes: no job has it.
        self._release_brought(
            "WHERE source_id = ?1 AND is_placed AND job <> ?2", source_id, one.job
        )
        self._execute("UPDATE brought SET is_placed = 1 WHERE job = ?", one.job)
        if source is None:
            self._put_stat(one.file.stat(), now)
        elif source.is_forgotten:
            # Of one that was removed, the same content is to be read again.
            self._execute("UPDATE sources SET fingerprint = NULL WHERE source_id = ?", source_id)
        else:
            self._want(source_id)

    def _end_brought(self, job: Job) -> None:
        """Say what becomes of the file of a job that has ended by itself.

        A version that is held back may be shown later, without its job: its file stays in place.
        """
        one = self._brought(job.id)
        if one is None:
            return
        if job.state == "failed":
            source = self._source(job.source_id)
            if not one.is_placed:
                return  # it waits for another try
            if self._content(job.source_id) is None:
                self._make_content(one)
            elif source is None or not source.is_held:
                self._execute("UPDATE brought SET is_placed = 0 WHERE job = ?", job.id)
                self._put_back_for(job)
        elif job.state == "succeeded" and one.is_placed:
            self._make_content(one)
        else:
            self._release_brought("WHERE job = ?", job.id)

    def _cancel_brought(self, job: Job) -> None:
        """Leave the source of a job that is cancelled as it was before; if it was none, none."""
        one = self._brought(job.id)
        if one is None:
            return
        source = self._source(job.source_id)
        if one.is_placed and source is not None:
            if self._content(job.source_id) is not None:
                self._put_back_for(job)
            elif source.source_version == 0:
                self._execute("DELETE FROM sources WHERE source_id = ?", job.source_id)
            elif not source.is_forgotten:
                self._forget(job.source_id, CommandRef(f"job:{job.id}", job.id))
                self._execute(
                    "UPDATE sources SET renewal = 'discarding' WHERE source_id = ?", job.source_id
                )
        self._release_brought("WHERE job = ?", job.id)

    def _put_back_for(self, job: Job) -> None:
        if job.version is not None:
            rows = self._rows("SELECT before FROM jobs WHERE id = ?", job.id)
            self._put_back(job.source_id, rows[0][0] or NOTHING)

    def _settle_held(self, source_id: str) -> None:
        """Make a content of what was held back and is shown now, though its job has failed."""
        source = self._source(source_id)
        rows = self._rows(
            "SELECT job FROM brought WHERE source_id = ? AND is_placed AND job NOT IN"
            " (SELECT id FROM jobs WHERE state = 'running')",
            source_id,
        )
        for (job,) in rows:
            one = self._brought(job)
            if one is not None and _is_shown(source):
                self._make_content(one)

    def _want(self, source_id: str) -> None:
        """Have a source read as a new version, once nothing else of it is coming."""
        self._execute(
            "UPDATE sources SET renewal = 'wanted' WHERE source_id = ? AND renewal IS NULL"
            " AND status IN ('completed', 'failed')",
            source_id,
        )


def _is_shown(source: SourceRecord | None) -> bool:
    """Tell whether all of a source's content is on the map."""
    if source is None or source.status != "completed":
        return False
    return not source.is_forgotten and source.fingerprint is not None
