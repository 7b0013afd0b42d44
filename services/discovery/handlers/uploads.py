"""Uploaded files: made sources, removed, and cleaned up after."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from services.discovery.domain.jobs import Job
from services.discovery.domain.uploads import Admitted, BroughtFile, NotAdmitted, UploadedFile
from services.discovery.handlers.forget import Rejected
from services.discovery.ports import BlobKeeper, UploadedFiles, UploadStore
from services.discovery.ports.fetches import FetchStore
from services.discovery.ports.jobs import Wish
from services.discovery.ports.preferences import Rechoosing
from shared.blobs.notes import BlobNote
from shared.clock import Clock
from shared.contracts.uploads import SourceUploaded, Upload
from shared.errors import TransientError
from shared.failpoints import Failpoint, reached

Look = Callable[[frozenset[str]], Awaitable[None]]
MISSING = (
    "the bytes of this file are not where uploaded files are kept: upload it again; if that is so "
    "each time, gateway and discovery have another blobs.folder or blobs.url"
)
log = structlog.get_logger(__name__)


class KeptUploads(UploadStore, Rechoosing, Protocol):
    """Which files are sources, and by which columns they are read."""


class Uploads:
    """What becomes of the files that people hand in."""

    def __init__(
        self,
        store: KeptUploads,
        files: UploadedFiles,
        blobs: BlobKeeper,
        clock: Clock,
        *,
        quota_bytes: int,
    ) -> None:
        """Take what it needs.

        Args:
            store: Which of them are sources.
            files: Those that are read.
            blobs: Their bytes.
            clock: Dates what happens.
            quota_bytes: The most that those of a collection may take together.
        """
        self._store = store
        self._files = files
        self._blobs = blobs
        self._clock = clock
        self._quota_bytes = quota_bytes
        self._lock = asyncio.Lock()
        """Who looks whether a file is a source, and acts by that, is alone meanwhile."""
        self.look: Look = _look_nowhere
        """Has the sources at these paths looked at."""

    async def load(self) -> None:
        """Have all that are sources read.

        Raises:
            TransientError: The ledger could not be read.
        """
        for file in await self._store.uploads():
            self._files.put(file)

    async def admit(self, collection: str, wish: Upload, by: Wish) -> SourceUploaded | Rejected:
        """Queue the job that has a file read as a source; the same command again is the same.

        Raises:
            TransientError: The ledger or the bytes could not be read or written.
        """
        async with self._lock:
            note = await self._blobs.find(wish.blob, wish.job_id)
            if note is None or note.collection != collection:
                done = await self._store.admitted_before(
                    _gone(collection, wish, by, self._clock.now())
                )
            else:
                done = await self._store.submit_upload(
                    _file(collection, wish, note),
                    by,
                    replaces=wish.replace,
                    quota_bytes=self._quota_bytes,
                    columns=wish.columns,
                )
        reached(Failpoint.SUBMITTED)
        await self.follow()
        if done is None:
            return Rejected(MISSING)
        if isinstance(done, NotAdmitted):
            return Rejected(done.reason)
        log.info("upload.queued", collection=collection, file=done.file.filename)
        return _uploaded(done, by)

    async def note_of(self, blob: str, job_id: str) -> BlobNote | None:
        """Return what was noted beside bytes that were fetched; none if they are not there.

        Raises:
            TransientError: They cannot be read.
        """
        return await self._blobs.find(blob, job_id)

    async def bring(self, store: FetchStore, attempt: int, brought: BroughtFile) -> Job | None:
        """Have what was fetched read as a source, or in place of what that had.

        Raises:
            TransientError: The ledger or the bytes could not be read or written.
        """
        async with self._lock:
            job = await store.bring(attempt, brought, self._quota_bytes)
        await self.follow()
        return job

    async def rechoose(self, job: Job) -> bool:
        """Have the source of a job read by the columns of the job; false if it is no upload.

        Whoever looks in between reads it as before: nothing of it is wanted until that is noted.

        Raises:
            TransientError: The ledger could not be read or written.
        """
        async with self._lock:
            file = await self._store.rechosen(job.id)
            if file is None:
                return False
            self._files.put(file)
            await self._store.rechoose(job.id)
            return True

    async def refresh(self, source: str) -> None:
        """Have a file read as the ledger says now.

        Raises:
            TransientError: The ledger could not be read.
        """
        async with self._lock:
            file = await self._store.find_upload(source)
            if file is not None:
                self._files.put(file)

    async def follow(self) -> None:
        """List for each source the file that the ledger says; remove bytes that it let go.

        Raises:
            TransientError: The ledger could not be read or written.
        """
        paths = set[str]()
        async with self._lock:
            for collection, source, file in await self._store.relisted():
                if file is None:
                    self._files.drop(collection, source)
                elif file != self._files.find(collection, source):
                    self._files.put(file)
                    paths.add(file.path)
            for blob, job_id in await self._store.leaving():
                reached(Failpoint.LET_GO)
                await self._remove(blob, job_id)
                await self._store.left(blob, job_id)
        if paths:
            reached(Failpoint.PLACED)
            await self.look(frozenset(paths))

    async def remove_all(self, collection: str) -> None:
        """Remove the bytes of all files of a collection that is being deleted.

        Raises:
            TransientError: They could not be removed; nothing of the ledger has changed.
        """
        async with self._lock:
            for blob, job_id in await self._store.kept_bytes(collection):
                await self._blobs.remove(blob, job_id)
            for file in self._files.of(collection):
                self._files.drop(collection, file.source_id)

    async def clean(self, after: timedelta) -> int:
        """Remove what was handed in and is no source, once it is so old; count it.

        Raises:
            TransientError: The ledger or the bytes could not be read or written.
        """
        now = self._clock.now()
        async with self._lock:
            known = await self._store.kept_bytes()
            left = await self._blobs.unknown(known, now - after)
            for blob, job_id in left:
                await self._blobs.remove(blob, job_id)
            return len(left) + await self._blobs.clean(now, after)

    async def _remove(self, blob: str, job_id: str) -> None:
        """Remove bytes that nobody asks for any more; what cannot be now, is by ``clean``."""
        try:
            await self._blobs.remove(blob, job_id)
        except TransientError as error:
            log.warning("blob.kept", blob=blob, reason=str(error))


async def _look_nowhere(paths: frozenset[str]) -> None:
    del paths


def _file(collection: str, wish: Upload, note: BlobNote) -> UploadedFile:
    return UploadedFile(
        collection=collection,
        filename=wish.filename,
        blob=wish.blob,
        job_id=wish.job_id,
        size=note.file_size_bytes,
        media_type=note.mime_type,
        uploaded_at=note.downloaded_at,
        uploaded_by=note.downloaded_by,
        text_columns=wish.text_columns,
        context_columns=wish.context_columns,
    )


def _gone(collection: str, wish: Upload, by: Wish, now: datetime) -> UploadedFile:
    """Say what is known of a file without its bytes: they may have gone with its job."""
    return UploadedFile(
        collection=collection,
        filename=wish.filename,
        blob=wish.blob,
        job_id=wish.job_id,
        size=0,
        media_type="",
        uploaded_at=now,
        uploaded_by=by.who,
    )


def _uploaded(done: Admitted, by: Wish) -> SourceUploaded:
    """Answer the command; the same one always gets the same answer."""
    file = done.file
    digest = hashlib.sha256(by.key.encode("utf-8", "backslashreplace")).hexdigest()
    return SourceUploaded(
        id=SourceUploaded.id_of(file.source_id, file.job_id, digest[:16]),
        collection=file.collection,
        occurred_at=file.uploaded_at,
        correlation_id=by.correlation_id,
        source_id=file.source_id,
        filename=file.filename,
        blob=file.blob,
        job_id=file.job_id,
        size_bytes=file.size,
        has_replaced=bool(file.earlier),
        job=done.job.id if done.job else None,
    )
