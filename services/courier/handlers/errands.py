"""Runs errands: asks what is to be fetched, fetches it, and tells what came of it."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import uuid4

import structlog

from services.courier.handlers.analyze import Analyst, Analyzed, Delegated
from services.courier.handlers.coming import Fetched, Received
from services.courier.handlers.fetch import Fetcher, Unchanged
from services.courier.handlers.lists import ListFetcher
from services.courier.ports import BrokenError, Errands, RefusedError
from shared.contracts.fetching import DeliverFetch, FetchProgress, FetchWork, TakeFetches
from shared.errors import TransientError
from shared.failpoints import Failpoint, reached
from shared.observability.metrics import FETCHED_BYTES, FETCHES
from shared.task_groups import TaskGroup

AGAIN_S = 1.0
"""Between two tries to tell what came of a job."""
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Courier:
    """What one process has in hand.

    It remembers nothing: which jobs there are says discovery, again and again, and a job of which
    it says nothing any more is let go.
    """

    errands: Errands
    fetcher: Fetcher
    at_once: int
    analyst: Analyst | None = None
    """Has files read elsewhere; none: nobody does."""
    lists: ListFetcher | None = None
    """Fetches lists of sources."""
    name: str = field(default_factory=lambda: uuid4().hex)
    in_hand: dict[tuple[str, int], "asyncio.Task[None]"] = field(default_factory=dict)
    received: dict[tuple[str, int], Received] = field(default_factory=dict)
    """How much of each has come."""

    async def look(self, group: TaskGroup) -> None:
        """Ask what is to be fetched; begin what is new, and let go of what nobody wants.

        Args:
            group: Has what is in hand.

        Raises:
            TransientError: Nobody answers; what is in hand goes on.
        """
        held = list(self.in_hand)
        asked = TakeFetches(
            courier=self.name,
            holding=tuple({job for job, _ in held}),
            room=max(0, self.at_once - len(held)),
            progress=tuple(self._progress()),
            can_analyze=self.analyst is not None,
        )
        wanted = {(one.job, one.attempt): one for one in (await self.errands.take(asked)).items}
        for key in held:
            if key not in wanted and (task := self.in_hand.get(key)) is not None:
                log.info("fetch.given_up", job=key[0])
                task.cancel()
        for key, work in wanted.items():
            if key not in self.in_hand and key not in held:
                received = self.received[key] = Received()
                task = group.create_task(self._run(work, received))
                self.in_hand[key] = task
                task.add_done_callback(lambda _, key=key: self._let_go(key))

    def _let_go(self, key: tuple[str, int]) -> None:
        self.in_hand.pop(key, None)
        self.received.pop(key, None)

    def _progress(self) -> Iterator[FetchProgress]:
        for (job, attempt), one in self.received.items():
            if one.size or one.total is not None:
                yield FetchProgress(
                    job=job, attempt=attempt, received_bytes=one.size, total_bytes=one.total
                )

    async def _run(self, work: FetchWork, received: Received) -> None:
        told = await self._fetch(work, received)
        FETCHES.add(outcome=told.outcome)
        FETCHED_BYTES.add(told.size_bytes)
        while True:
            try:
                taken = await self.errands.deliver(told)
                break
            except TransientError as error:
                log.warning("fetch.not_told", job=work.job, reason=str(error))
                await asyncio.sleep(AGAIN_S)
        reached(Failpoint.DELIVERED)
        log.info(
            "fetch.delivered",
            job=work.job,
            outcome=told.outcome,
            size_bytes=told.size_bytes,
            is_taken=taken.is_taken,
            reason=told.reason,
        )

    async def _fetch(self, work: FetchWork, received: Received) -> DeliverFetch:
        try:
            if work.is_manifest and self.lists:
                return _brought_list(work, await self.lists.fetch(work, received))
            done = await self._bytes(work, received)
        except (RefusedError, BrokenError, TransientError) as error:
            return _failed(work, str(error))
        except Exception as error:  # whatever one server sends, the files of others go on
            log.exception("fetch.defect", job=work.job)
            reason = f"a defect of the courier, whose log has more: {type(error).__name__}"
            return _failed(work, reason)
        match done:
            case Unchanged(validators):
                return DeliverFetch(
                    job=work.job,
                    attempt=work.attempt,
                    outcome="unchanged",
                    etag=validators.etag,
                    modified=validators.modified,
                )
            case Delegated():
                return DeliverFetch(job=work.job, attempt=work.attempt, outcome="delegated")
            case Fetched() | Analyzed():
                file = done.records if isinstance(done, Analyzed) else done
                return DeliverFetch(
                    job=work.job,
                    attempt=work.attempt,
                    outcome="fetched",
                    blob=file.blob,
                    size_bytes=file.size,
                    filename=file.filename,
                    etag=file.validators.etag,
                    modified=file.validators.modified,
                    is_analyzed=isinstance(done, Analyzed),
                )

    async def _bytes(
        self, work: FetchWork, received: Received
    ) -> Fetched | Unchanged | Analyzed | Delegated:
        """Fetch a file, and have it read elsewhere if its collection has that.

        Raises:
            RefusedError: It cannot be.
            BrokenError: It could not be now.
            TransientError: It cannot be stored.
        """
        analyst = self.analyst if work.is_analyzed else None
        if work.has_records != (analyst is not None):  # what is there was made in another way
            work = work.model_copy(update={"etag": None, "modified": None})
        known = await analyst.begun(work) if analyst else None
        done = known or await self.fetcher.fetch(work, received)
        if analyst is None or isinstance(done, Unchanged):
            return done
        return await analyst.analyze(work, done)


def _failed(work: FetchWork, reason: str) -> DeliverFetch:
    return DeliverFetch(
        job=work.job,
        attempt=work.attempt,
        outcome="failed",
        reason=reason,
        is_manifest=work.is_manifest,
    )


def _brought_list(work: FetchWork, text: str) -> DeliverFetch:
    return DeliverFetch(
        job=work.job,
        attempt=work.attempt,
        outcome="fetched",
        size_bytes=len(text.encode()),
        is_manifest=True,
        content=text,
    )
