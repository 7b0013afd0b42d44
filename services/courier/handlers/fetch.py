"""Fetches one file: tried a few times, gone on with where it broke off, and looked at."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass

import structlog

from services.courier.domain.backoff import TRIES, is_lasting, pause_s
from services.courier.domain.headers import (
    Validators,
    length_of,
)
from services.courier.domain.limits import too_large
from services.courier.domain.targets import (
    Target,
    TargetError,
    exported,
    parse_target,
)
from services.courier.handlers.coming import (
    NOT_SATISFIABLE,
    PARTIAL,
    ComingFile,
    Fetched,
    Received,
)
from services.courier.ports import (
    Answer,
    BrokenError,
    FileStore,
    RefusedError,
    Web,
)
from shared.contracts.fetching import FetchWork
from shared.errors import TransientError

OK, NOT_MODIFIED = 200, 304
HANDED_IN = (
    "its bytes are not where the courier looks: see that courier and gateway have the same "
    "blobs.folder, or upload it again"
)
log = structlog.get_logger(__name__)
Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Unchanged:
    """It is what was fetched before."""

    validators: Validators


@dataclass(frozen=True, slots=True)
class Rules:
    """What a fetch may take."""

    most_bytes: int
    whole_s: float = 300.0
    """The longest that one try takes."""
    sheets_as: str = "xlsx"
    """In which form a Google Sheet is exported."""


class Fetcher:
    """Fetches files into the store."""

    def __init__(
        self, web: Web, store: FileStore, rules: Rules, *, sleep: Sleep = asyncio.sleep
    ) -> None:
        """Take what it needs.

        Args:
            web: Where they lie.
            store: Where they go.
            rules: What one may take.
            sleep: Waits between tries.
        """
        self._web = web
        self._store = store
        self._rules = rules
        self._sleep = sleep

    async def fetch(self, work: FetchWork, received: Received) -> Fetched | Unchanged:
        """Fetch a file, in three tries; what of it came before is gone on with.

        If it cannot be stored, what others have left is removed before the next try.

        Args:
            work: What is fetched.
            received: Is told how much of it has come.

        Raises:
            RefusedError: It cannot be fetched.
            BrokenError: It could not be fetched, or stored, now.
            TransientError: What others have left cannot be removed.
        """
        if work.url is None:
            raise RefusedError(HANDED_IN)
        try:
            target = parse_target(exported(work.url, self._rules.sheets_as))
        except TargetError as error:
            raise RefusedError(str(error)) from error
        coming = ComingFile(work, target, self._store, received)
        try:
            for tries in range(1, TRIES + 1):
                try:
                    async with asyncio.timeout(self._rules.whole_s):
                        return await self._try(coming)
                except (BrokenError, TimeoutError, TransientError) as error:
                    broken = self._broken(target, error)
                    if isinstance(error, TransientError):
                        await coming.drop()
                        await self._store.clean()
                    if tries == TRIES:
                        raise BrokenError(f"{broken} (tried {TRIES} times)") from error
                    log.info("fetch.broken", job=work.job, tries=tries, reason=str(broken))
                await self._sleep(pause_s(tries, broken.after_s))
        finally:
            await coming.drop()
        raise AssertionError  # the last try returns or raises

    def _broken(self, target: Target, error: Exception) -> BrokenError:
        if isinstance(error, BrokenError):
            return error
        if isinstance(error, TransientError):
            return BrokenError(str(error))
        return BrokenError(f"{target.shown}: it took longer than {self._rules.whole_s:g} s")

    async def _try(self, coming: ComingFile) -> Fetched | Unchanged:
        async with self._web.get(coming.target, coming.asked(), self._rules.most_bytes) as answer:
            if answer.status == NOT_MODIFIED and coming.known is not None:
                return Unchanged(coming.known)
            self._check(answer)
            await coming.begin(answer)
            await self._receive(coming, answer)
            return await coming.finish()

    def _check(self, answer: Answer) -> None:
        """Refuse an answer that is no file.

        Raises:
            RefusedError: By its status, or its length.
            BrokenError: It may be another one later.
        """
        if answer.status == NOT_SATISFIABLE:
            return
        if answer.status not in (OK, PARTIAL):
            reason = f"{answer.target.shown} answered {answer.status}{_words(answer)}"
            if is_lasting(answer.status):
                raise RefusedError(reason)
            raise BrokenError(reason, after_s=_retry_after(answer.headers))
        if (length_of(answer.headers) or 0) > self._rules.most_bytes:
            raise RefusedError(too_large(self._rules.most_bytes))

    async def _receive(self, coming: ComingFile, answer: Answer) -> None:
        async with aclosing(answer.pieces) as pieces:  # type: ignore[type-var]
            async for piece in pieces:
                await coming.take(piece)
        await coming.look(is_whole=True)


def _words(answer: Answer) -> str:
    match answer.status:
        case 401 | 403:
            return ": it may not be read without a login; courier.credentials gives one to a host"
        case 404 | 410:
            return ": there is nothing there; look at the URL"
        case 429:
            return ": it is asked too often"
        case _:
            return ""


def _retry_after(headers: Mapping[str, str]) -> float | None:
    told = headers.get("retry-after", "").strip()
    return float(told) if told.isascii() and told.isdigit() and len(told) <= len("9999") else None
