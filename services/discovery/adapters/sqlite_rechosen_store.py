"""Jobs that read sources by the columns that their collection prefers, in the ledger's file."""

import json

from services.discovery.adapters.sqlite_group_commit import change, reads
from services.discovery.adapters.sqlite_upload_store import UploadRows
from services.discovery.domain.job_kinds import waits_for_columns
from services.discovery.domain.jobs import Job, View, follow
from services.discovery.domain.uploads import UploadedFile


class RechosenRows(UploadRows):
    """The part of the ledger in which jobs change how uploaded files are read."""

    @reads
    def rechosen(self, job_id: str) -> UploadedFile | None:
        """See Rechoosing."""
        for job in self._jobs("WHERE id = ? AND state = 'running'", job_id):
            return self._rechosen(job)
        return None

    @change
    def rechoose(self, job_id: str) -> None:
        """See Rechoosing."""
        self._follow_jobs()
        for job in self._jobs("WHERE id = ? AND state = 'running'", job_id):
            file = self._rechosen(job)
            if file is None or not waits_for_columns(job):
                continue
            self._execute(
                "UPDATE jobs SET columns = (SELECT json_array(text_columns,"
                " context_columns, preferences, job_id) FROM uploads"
                " WHERE uploads.source_id = jobs.source_id) WHERE id = ?",
                job.id,
            )
            context = None if file.context_columns is None else json.dumps(file.context_columns)
            self._execute(
                "UPDATE uploads SET text_columns = ?, context_columns = ?, preferences = ?"
                " WHERE source_id = ?",
                json.dumps(file.text_columns),
                context,
                file.preferences,
                file.source_id,
            )
            now = self._clock.now()
            told = f"to be read by version {job.preferences} of the preferences"
            self._put_job(follow(job, View("validating"), now), now, told)
            self._want(job.source_id)
            self._execute("INSERT OR IGNORE INTO temp.touched VALUES (?)", job.source_id)

    def _rechosen(self, job: Job) -> UploadedFile | None:
        files = self._uploads("WHERE source_id = ?", job.source_id)
        versions = self._preferences(job.collection, -1)
        of_job = [one for one in versions if one.version == job.preferences]
        return files[0].read_by(of_job[0]) if files and of_job else None
