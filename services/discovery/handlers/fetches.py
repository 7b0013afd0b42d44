"""Files behind URLs: which couriers are to fetch, and what they have brought."""

from dataclasses import asdict, dataclass, field
from typing import Protocol

import structlog

from services.discovery.domain.analyses import Analysis, AnalyzedFile
from services.discovery.domain.fetches import (
    MOST_TAKES,
    NOBODY,
    TOO_OFTEN,
    FetchErrand,
)
from services.discovery.domain.job_kinds import waits_for_bytes
from services.discovery.domain.uploads import BroughtFile, UploadedFile
from services.discovery.handlers.analysers import AWAY_S, Analysers
from services.discovery.handlers.manifests import ManifestBook
from services.discovery.handlers.uploads import Uploads
from services.discovery.ports.analyses import AnalysisStore
from services.discovery.ports.fetches import FetchStore
from services.discovery.ports.jobs import JobStore
from shared.blobs.notes import BlobNote
from shared.clock import Clock
from shared.contracts.analysis import (
    RECORDS_TYPE,
    AnalysisBegun,
    AnalysisNoted,
    KeptFile,
    NoteAnalysis,
)
from shared.contracts.fetching import (
    DeliverFetch,
    FetchDelivered,
    FetchesTaken,
    FetchWork,
    TakeFetches,
)
from shared.failpoints import Failpoint, reached

NOBODY_S = 300.0
"""If no courier has asked for so long, jobs that wait for one fail, and can be retried."""
ELSEWHERE = (
    "the bytes are not where discovery reads them: courier and discovery have another "
    "blobs.folder or blobs.url"
)
log = structlog.get_logger(__name__)


RECORD_TEXT = "text"
"""Where the text stands of a record that an analysis service has made."""


class CourierStore(FetchStore, AnalysisStore, Protocol):
    """What the ledger has of couriers."""


@dataclass(slots=True)
class Fetches:
    """Tells couriers what to fetch or have analysed, and has what they bring read.

    Who has which job in hand is remembered, not kept: a courier says what it holds each time.
    """

    store: CourierStore
    jobs: JobStore
    uploads: Uploads
    clock: Clock
    manifests: ManifestBook | None = None
    """Has lists of sources fetched, too."""
    analysers: Analysers = field(init=False)
    began_s: float = field(init=False)
    _seen: dict[str, float] = field(default_factory=dict)
    """When each courier asked last."""
    _holder: dict[str, str] = field(default_factory=dict)
    """Which courier has a job in hand."""

    def __post_init__(self) -> None:
        """Note since when couriers could have asked."""
        self.began_s = self.clock.monotonic()
        self.analysers = Analysers(self.store, self.clock)

    async def take(self, asked: TakeFetches) -> FetchesTaken:
        """Tell a courier what to fetch, and what to go on with; each job has one at a time.

        Raises:
            TransientError: The ledger could not be read or written.
        """
        now_s = self.clock.monotonic()
        self._seen[asked.courier] = now_s
        self._seen = {one: at for one, at in self._seen.items() if now_s - at < AWAY_S}
        await self.analysers.hear(asked)
        works = await self._works(asked)
        waiting = {one.job for one in works}
        self._holder = {
            job: one for job, one in self._holder.items() if job in waiting and one in self._seen
        }
        told, room = list[FetchWork](), asked.room
        for one in asked.progress:
            if one.job in waiting and self._holder.get(one.job, asked.courier) == asked.courier:
                await self.store.receive(one.job, one.attempt, one.received_bytes, one.total_bytes)
        for work in works:
            holder = self._holder.get(work.job)
            if holder is None and work.job in asked.holding:
                holder = self._holder[work.job] = asked.courier
            elif holder is None and room > 0 and _is_for(asked, work) and await self._begin(work):
                room -= 1
                holder = self._holder[work.job] = asked.courier
            if holder == asked.courier:
                told.append(work)
        return FetchesTaken(items=tuple(told))

    async def _works(self, asked: TakeFetches) -> list[FetchWork]:
        """Return what is to be fetched: lists of sources first, of which other things follow."""
        works = await self.manifests.works() if self.manifests else []
        for one in await self.store.errands():
            job = one.job.id
            is_held = job in asked.holding or self._holder.get(job) in self._seen
            if not await self.analysers.settle(one, is_held=is_held):
                works.append(_work(one))
        return works

    async def _begin(self, work: FetchWork) -> bool:
        """Note that a courier begins with a job; not with one that ends couriers."""
        if work.is_manifest and self.manifests:
            return await self.manifests.begin(work.job)
        if await self.store.take_fetch(work.job) <= MOST_TAKES:
            return True
        await self.store.end_fetch(work.job, work.attempt, TOO_OFTEN, (None, None))
        return False

    async def deliver(self, told: DeliverFetch) -> FetchDelivered:
        """Take what came of a job; told again, it is what it was.

        Raises:
            TransientError: The ledger or the bytes could not be read or written.
        """
        if told.is_manifest and self.manifests:
            self._holder.pop(told.job, None)
            return await self.manifests.deliver(told)
        if told.outcome == "fetched" and told.blob is not None:
            is_taken = await self._bring(told, told.blob)
        elif told.outcome == "delegated":
            is_taken = await self.store.end_delegated(told.job, told.attempt)
        else:
            reason = told.reason if told.outcome == "failed" else None
            facts = (told.etag, told.modified)
            is_taken = await self.store.end_fetch(told.job, told.attempt, reason, facts)
        self._holder.pop(told.job, None)
        return FetchDelivered(is_taken=is_taken)

    async def note(self, told: NoteAnalysis) -> AnalysisNoted:
        """Note how far the analysis of a file is, so that another courier can go on with it.

        Raises:
            TransientError: The ledger could not be written.
        """
        kept = AnalyzedFile(**told.kept.model_dump())
        analysis = Analysis(**told.analysis.model_dump())
        is_taken = await self.store.note_analysis(told.job, told.attempt, kept, analysis)
        return AnalysisNoted(is_taken=is_taken)

    async def _bring(self, told: DeliverFetch, blob: str) -> bool:
        errand = await self._errand(told)
        if errand is None:  # it has ended, or has its bytes: then it is told again
            found = await self.jobs.find_job(told.job)
            return found is not None and not waits_for_bytes(found[0].job)
        note = await self.uploads.note_of(blob, told.job)
        if note is None or note.collection != errand.job.collection:
            facts = (None, None)
            return await self.store.end_fetch(told.job, told.attempt, ELSEWHERE, facts)
        file = _file(errand, told, note)
        brought = BroughtFile(told.job, file, errand.url, told.etag, told.modified)
        taken = await self.uploads.bring(self.store, told.attempt, brought)
        reached(Failpoint.ADMITTED)
        return taken is not None

    async def _errand(self, told: DeliverFetch) -> FetchErrand | None:
        for one in await self.store.errands():
            if (one.job.id, one.job.retries) == (told.job, told.attempt):
                return one
        return None

    async def give_up(self) -> None:
        """Fail the jobs that no courier has asked for in a long time.

        Raises:
            TransientError: The ledger could not be read or written.
        """
        last_s = max(self._seen.values(), default=self.began_s)
        if self.clock.monotonic() - last_s < NOBODY_S:
            return
        now = self.clock.now()
        for one in await self.store.errands():
            began = one.job.started_at
            if began is not None and (now - began).total_seconds() >= NOBODY_S:
                if await self.analysers.give_up(one):
                    continue
                await self.store.end_fetch(one.job.id, one.job.retries, NOBODY, (None, None))
                log.warning("fetch.not_taken", job=one.job.id)
        if self.manifests:
            await self.manifests.give_up(NOBODY_S)


def _is_for(asked: TakeFetches, work: FetchWork) -> bool:
    """Tell whether a courier can do something: what was handed in is only to be analysed."""
    return work.url is not None or asked.can_analyze


def _work(errand: FetchErrand) -> FetchWork:
    return FetchWork(
        job=errand.job.id,
        attempt=errand.job.retries,
        collection=errand.job.collection,
        url=errand.url,
        filename=errand.filename,
        by=errand.job.created_by,
        etag=errand.etag,
        modified=errand.modified,
        is_analyzed=errand.is_analyzed,
        has_records=errand.has_records,
        begun=None
        if errand.begun is None
        else AnalysisBegun(
            kept=KeptFile.model_validate(asdict(errand.begun.kept)),
            remote_id=errand.begun.remote_id,
        ),
    )


def _file(errand: FetchErrand, told: DeliverFetch, note: BlobNote) -> UploadedFile:
    return UploadedFile(
        collection=errand.job.collection,
        filename=told.filename or errand.job.filename,
        blob=note.checksum_sha256,
        job_id=told.job,
        size=note.file_size_bytes,
        media_type=RECORDS_TYPE if told.is_analyzed else note.mime_type,
        uploaded_at=note.downloaded_at,
        uploaded_by=note.downloaded_by,
        text_columns=(RECORD_TEXT,) if told.is_analyzed else errand.text_columns,
        context_columns=None if told.is_analyzed else errand.context_columns,
        preferences=None if told.is_analyzed else errand.job.preferences,
    )
