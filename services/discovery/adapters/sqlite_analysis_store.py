"""Files that an analysis service reads, in the file of the ledger."""

import json
from dataclasses import asdict, replace

from services.discovery.adapters.sqlite_fetch_store import FetchRows
from services.discovery.adapters.sqlite_group_commit import change
from services.discovery.domain.analyses import DELEGATED, Analysis, AnalyzedFile, Begun
from services.discovery.domain.fetches import FetchErrand
from services.discovery.domain.job_kinds import KINDS
from services.discovery.domain.jobs import Job, View
from shared.contracts.analysis import RECORDS_TYPE


class AnalysisRows(FetchRows):
    """The part of the ledger that says what is analysed elsewhere."""

    @change
    def note_analysis(
        self, job_id: str, attempt: int, kept: AnalyzedFile, analysis: Analysis
    ) -> bool:
        """See AnalysisStore."""
        self._follow_jobs()
        job = self._waiting_for(job_id, attempt)
        if job is None:
            return False
        self._execute(
            "REPLACE INTO analyses (job_id, collection, attempt, kept, document)"
            " VALUES (?, ?, ?, ?, ?)",
            job.id,
            job.collection,
            attempt,
            json.dumps(asdict(kept)),
            json.dumps(asdict(analysis)),
        )
        if job.analysis != analysis:
            after = replace(job, revision=job.revision + 1, analysis=analysis)
            self._put_job(after, self._clock.now(), analysis.told)
        return True

    @change
    def note_analyser(self, *, is_there: bool) -> None:
        """See AnalysisStore."""
        if is_there:
            self._execute("INSERT OR IGNORE INTO analysers VALUES (1)")
        else:
            self._execute("DELETE FROM analysers")

    @change
    def skip_analysis(self, job_id: str, attempt: int, why: str) -> bool:
        """See AnalysisStore."""
        self._follow_jobs()
        job = self._waiting_for(job_id, attempt)
        if job is None or KINDS[job.kind].fetches:
            return False
        self._execute("DELETE FROM analyses WHERE job_id = ?", job.id)
        self._go_on(replace(job, analysis=None), why)
        return True

    @change
    def end_delegated(self, job_id: str, attempt: int) -> bool:
        """See AnalysisStore."""
        self._follow_jobs()
        job = self._waiting_for(job_id, attempt)
        if job is None:
            return False
        reason = DELEGATED + (job.analysis.counts if job.analysis else "")
        self._end_fetch(job, View("done", ending="succeeded", reason=reason.strip()))
        return True

    def _errand(self, job: Job) -> FetchErrand:
        """Return what is to be fetched, and how far its analysis came before."""
        is_analyzed = self._is_analyzed(job.collection)
        if not KINDS[job.kind].fetches:
            return self._errand_handed_in(job, is_analyzed=is_analyzed)
        errand = super()._errand(job)
        known = self._fetched(job.collection, errand.url or "", job.filename)
        return replace(
            errand,
            is_analyzed=is_analyzed,
            has_records=known is not None and known.media_type == RECORDS_TYPE,
            begun=self._begun(job),
        )

    def _errand_handed_in(self, job: Job, *, is_analyzed: bool) -> FetchErrand:
        """Return what is only to be analysed: its file is there, as if it had been fetched."""
        one, begun = self._bytes_of(job), self._begun(job)
        if one is None:
            return FetchErrand(job=job, url=None, filename=job.filename, is_analyzed=is_analyzed)
        file = one.file
        kept = AnalyzedFile(blob=file.blob, size_bytes=file.size, filename=file.filename)
        return FetchErrand(
            job=job,
            url=None,
            filename=file.filename,
            text_columns=file.text_columns,
            context_columns=file.context_columns,
            is_analyzed=is_analyzed,
            begun=Begun(kept, begun.remote_id if begun else None),
        )

    def _begun(self, job: Job) -> Begun | None:
        for attempt, kept in self._rows(
            "SELECT attempt, kept FROM analyses WHERE job_id = ?", job.id
        ):
            is_this = attempt == job.retries and job.analysis is not None
            remote = job.analysis.remote_id if is_this and job.analysis else None
            return Begun(AnalyzedFile(**json.loads(kept)), remote)
        return None
