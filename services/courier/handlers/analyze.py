"""Has a file read by an analysis service: handed over once, asked about, and its records kept."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

import structlog

from services.courier.domain.analysis import Standing
from services.courier.domain.backoff import TRIES, pause_s, poll_pause_s
from services.courier.domain.headers import Validators
from services.courier.domain.records import Lines
from services.courier.handlers.coming import Fetched
from services.courier.handlers.fetch import Sleep
from services.courier.ports import (
    Analyser,
    AwayError,
    BrokenError,
    Errands,
    FileNote,
    FileStore,
    HandedOver,
    IncomingFile,
    RefusedError,
)
from shared.clock import Clock
from shared.contracts.analysis import RECORDS_TYPE, KeptFile, NoteAnalysis
from shared.contracts.fetching import FetchWork
from shared.contracts.jobs import JobAnalysis
from shared.errors import TransientError
from shared.failpoints import Failpoint, reached

STEPS = 20
"""How far it is is told when one part in so many is done."""
NO_RECORDS = "the analysis service names records, and there are none: see what its log says"
Told = TypeVar("Told")
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Analyzed:
    """The service has read it, and its records are the content."""

    records: Fetched


@dataclass(frozen=True, slots=True)
class Delegated:
    """The service has read it, and keeps what it has found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often and how long a service is asked."""

    poll_s: float = 5.0
    refused_s: float = 30.0
    stalled_s: float = 1800.0
    records_s: float = 300.0
    """For all its records; each of three tries has that time."""


@dataclass(slots=True)
class Analyst:
    """Has files read elsewhere. What it must not forget, discovery is told before it goes on."""

    analyser: Analyser
    errands: Errands
    store: FileStore
    most_bytes: int
    clock: Clock
    pace: Pace = field(default_factory=Pace)
    sleep: Sleep = asyncio.sleep

    async def begun(self, work: FetchWork) -> Fetched | None:
        """Return the file of a job that was handed in or fetched before, if it is still there.

        Raises:
            TransientError: Nobody can look.
        """
        if work.begun is None or not await self.store.has(work.begun.kept.blob, work.job):
            return None
        kept = work.begun.kept
        return Fetched(
            blob=kept.blob,
            size=kept.size_bytes,
            filename=kept.filename,
            validators=Validators(kept.etag, kept.modified),
        )

    async def analyze(self, work: FetchWork, file: Fetched) -> Analyzed | Delegated:
        """Have a file read; gives the content that its records are, if the service gives any.

        Raises:
            RefusedError: It cannot be read, or nobody waits for it.
            BrokenError: It could not be read now.
            TransientError: The records cannot be stored.
        """
        watch = _Watch(self.clock, self.pace.stalled_s)
        remote = work.begun.remote_id if work.begun else None
        if remote is None:
            await self._note(work, file, JobAnalysis(phase="downloading"))
            remote = await self._hand_over(work, file, watch)
            reached(Failpoint.HANDED_OVER)
            told = JobAnalysis(phase="analyzing", remote_id=remote)
            await self._note(work, file, told)
            reached(Failpoint.ANALYSIS_NOTED)
        standing = await self._wait(work, file, remote, watch)
        if standing.state == "failed":
            raise RefusedError(f"the analysis service: {standing.reason or 'it failed'}")
        if standing.result_url is None:
            return Delegated()
        url = standing.result_url
        return Analyzed(await self._again(lambda: self._records(work, file, url)))

    async def _hand_over(self, work: FetchWork, file: Fetched, watch: "_Watch") -> str:
        handed = HandedOver(
            blob=file.blob,
            filename=file.filename,
            collection=work.collection,
            key=f"{work.job}:{work.attempt}",
        )

        async def begin() -> str:
            await self.analyser.check()
            url = await self.store.url(file.blob, work.job)
            return await self.analyser.begin(replace(handed, url=url))

        while True:
            try:
                return await self._again(begin)
            except AwayError as error:
                watch.see(error)
                await self.sleep(self.pace.refused_s)

    async def _again(self, ask: Callable[[], Awaitable[Told]]) -> Told:
        """Ask, and three times again while that may help; who is away is asked by the caller."""
        for tries in range(1, TRIES + 1):
            try:
                return await ask()
            except AwayError:
                raise
            except BrokenError as error:
                log.info("analysis.broken", tries=tries, reason=str(error))
                await self.sleep(pause_s(tries))
        return await ask()

    async def _wait(
        self, work: FetchWork, file: Fetched, remote: str, watch: "_Watch"
    ) -> Standing:
        """Ask how far it is until it has ended, and tell that as it goes."""
        failures, told = 0, JobAnalysis(phase="analyzing", remote_id=remote)
        while True:
            try:
                standing = await self.analyser.look(remote)
            except AwayError as error:
                watch.see(error)
                await self.sleep(self.pace.refused_s)
                continue
            except BrokenError as error:
                failures += 1
                watch.see(error)
            else:
                failures = 0
                watch.moved(standing)
                view = _view(standing, remote)
                if _is_a_step(told, view):
                    told = view
                    await self._note(work, file, view)
                if standing.state in ("completed", "failed"):
                    return standing
            await self.sleep(poll_pause_s(self.pace.poll_s, failures))

    async def _note(self, work: FetchWork, file: Fetched, analysis: JobAnalysis) -> None:
        kept = KeptFile(
            blob=file.blob,
            size_bytes=file.size,
            filename=file.filename,
            etag=file.validators.etag,
            modified=file.validators.modified,
        )
        told = NoteAnalysis(job=work.job, attempt=work.attempt, kept=kept, analysis=analysis)
        while True:
            try:
                noted = await self.errands.note(told)
                break
            except TransientError as error:
                log.warning("analysis.not_told", job=work.job, reason=str(error))
                await self.sleep(pause_s(1))
        if not noted.is_taken:
            raise RefusedError("nobody waits for it any more")

    async def _records(self, work: FetchWork, file: Fetched, url: str) -> Fetched:
        coming, lines = self.store.begin(work.job), Lines()
        try:
            async with asyncio.timeout(self.pace.records_s):
                async with self.analyser.records(url, self.most_bytes) as pieces:
                    async for piece in pieces:
                        await coming.write(lines.take(piece))
                await coming.write(lines.rest())
                if not lines.count:
                    raise RefusedError(NO_RECORDS)
                return await self._keep(work, file, coming)
        except TimeoutError as error:
            raise BrokenError(f"its records took longer than {self.pace.records_s:g} s") from error
        finally:
            await coming.close()

    async def _keep(self, work: FetchWork, file: Fetched, coming: IncomingFile) -> Fetched:
        await coming.flush()
        size, sha256 = coming.size, coming.sha256
        note = FileNote(
            collection=work.collection,
            filename=file.filename,
            url=work.url,
            media_type=RECORDS_TYPE,
            by=work.by,
        )
        await coming.keep(note)
        reached(Failpoint.KEPT)
        return Fetched(blob=sha256, size=size, filename=file.filename, validators=file.validators)


@dataclass(slots=True)
class _Watch:
    """Since when nothing has moved there."""

    clock: Clock
    stalled_s: float
    _since_s: float = field(init=False)
    _last: Standing | None = None

    def __post_init__(self) -> None:
        self._since_s = self.clock.monotonic()

    def see(self, error: BrokenError) -> None:
        """Go on waiting for one that gives no answer, unless that has lasted too long."""
        self._check(f"; at last: {error}")

    def moved(self, standing: Standing) -> None:
        """Note how far it is.

        Raises:
            BrokenError: Nothing has moved for too long.
        """
        if standing != self._last:
            self._last, self._since_s = standing, self.clock.monotonic()
        else:
            self._check("")

    def _check(self, why: str) -> None:
        if self.clock.monotonic() - self._since_s >= self.stalled_s:
            raise BrokenError(
                f"stalled: nothing has moved at the analysis service for {self.stalled_s / 60:g} "
                f"min; see what it does, then retry the job{why}"
            )


def _view(standing: Standing, remote: str) -> JobAnalysis:
    return JobAnalysis(
        phase=standing.phase,
        items_processed=standing.items_processed,
        items_total=standing.items_total,
        matches_found=standing.matches_found,
        review_queue=standing.review_queue,
        errors=standing.errors,
        remote_id=remote,
    )


def _is_a_step(told: JobAnalysis, now: JobAnalysis) -> bool:
    """Tell whether it is worth telling: what each answer brings anew would fill the job's log."""
    if now.phase != told.phase:
        return True
    return now.items_processed - told.items_processed >= max(1, (now.items_total or 0) // STEPS)
