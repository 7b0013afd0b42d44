"""What this process waits for, or tries again and again: why, and since when.

Whoever retries says so here, and takes it back when it works again; status and ``/health`` tell
what has lasted for some seconds. The same places tell a stop that there is nothing to finish: who
waits for somebody else gives its messages back at once.
"""

import asyncio
import math
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime

from shared.clock import Clock, SystemClock
from shared.errors import MapstreamError, TransientError

LASTING_S = 3.0
"""What is over sooner is not worth telling."""
MOST_TOLD = 10
ANSWER_S = 1.0
"""So long a stop lets somebody else answer who has not failed yet."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Something that does not work, and is tried again."""

    what: str
    reason: str
    since: datetime
    began_s: float
    due_s: float = math.inf
    """When it is forgotten if nobody tells of it again."""


@dataclass(slots=True, eq=False)
class Work:
    """A piece of work that a stop would like to see finished."""

    patience_s: dict[object, float] = field(default_factory=dict)
    """For each of its parts that waits for somebody else: how long a stop lets it."""
    on_turn: Callable[[], object] | None = None
    """Called whenever it may have begun to wait, or gone on."""
    _waiting: set[object] = field(default_factory=set)

    @property
    def is_waiting(self) -> bool:
        """Whether nothing is done here: each of its parts has failed, or asked somebody else."""
        return bool(self._waiting) and self.patience_s.keys() <= self._waiting

    def let(self, part: object, patience_s: float) -> None:
        """Note how long a stop lets a part; with no patience left, it waits."""
        self.patience_s[part] = patience_s
        self.turn(part, is_waiting=patience_s <= 0)

    def turn(self, part: object, *, is_waiting: bool) -> None:
        """Note that a part begins to wait, or goes on."""
        (self._waiting.add if is_waiting else self._waiting.discard)(part)
        if self.on_turn is not None:
            self.on_turn()

    def drop(self, part: object) -> None:
        """Note that a part has ended."""
        self.patience_s.pop(part, None)
        self.turn(part, is_waiting=False)


_WORK: ContextVar[Work | None] = ContextVar("work", default=None)
_TRIAL: ContextVar["Trial | None"] = ContextVar("trial", default=None)


def begin_work() -> Work:
    """Begin a piece of work: what is tried in this context from now on is a part of it."""
    work = Work()
    _WORK.set(work)
    return work


def work_in_hand() -> Work | None:
    """Return the piece of work that this context is a part of, if any."""
    return _WORK.get()


class Trial:
    """Something that is being tried until it works."""

    def __init__(self, waits: "Waits", what: str) -> None:
        self._waits = waits
        self._what = what
        self._work = _WORK.get()
        if self._work is not None:
            self._work.let(self, ANSWER_S)

    def failed(self, reason: str | Exception) -> None:
        """Tell that it has failed, and will be tried again."""
        self._waits.failed(self._what, reason, key=self)
        if self._work is not None:
            self._work.let(self, 0.0)

    def ended(self) -> None:
        """Tell that it is tried no more."""
        self._waits.over(self)
        if self._work is not None:
            self._work.drop(self)


@contextmanager
def elsewhere() -> Iterator[None]:
    """Have somebody else work on what is being tried: the block only waits for his answer."""
    work, trial = _WORK.get(), _TRIAL.get()
    if work is None or trial is None:
        yield
        return
    work.turn(trial, is_waiting=True)
    try:
        yield
    finally:
        work.turn(trial, is_waiting=False)


@dataclass(slots=True)
class Attempt:
    """One try of something that is tried again and again."""

    has_failed: bool = False


async def pause(seconds: float) -> None:
    """Sleep before the next try of something; a stop does not wait for it."""
    work = _WORK.get()
    key = object()
    if work is not None:
        work.let(key, 0.0)
    try:
        await asyncio.sleep(seconds)
    finally:
        if work is not None:
            work.drop(key)


class Waits:
    """All that one process waits for."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._waits: dict[Hashable, Wait] = {}

    @contextmanager
    def trying(self, what: str) -> Iterator[Trial]:
        """Try something until it works: at the block's end a failure is over."""
        trial = Trial(self, what)
        before = _TRIAL.set(trial)
        try:
            yield trial
        finally:
            _TRIAL.reset(before)
            trial.ended()

    @contextmanager
    def retrying(self, what: str, tell: Callable[..., object]) -> Iterator["Attempt"]:
        """Try something once that a loop will try again; a block that fails for now just ends.

        Args:
            what: What is tried; it is waited for from a failure until a success.
            tell: Logs a failure, with the keyword ``error``.
        """
        attempt = Attempt()
        try:
            yield attempt
        except TransientError as error:
            attempt.has_failed = True
            tell(error=str(error))
            self.failed(what, error)
        else:
            self.over(what)

    def failed(
        self,
        what: str,
        reason: str | Exception,
        *,
        key: Hashable | None = None,
        within_s: float = math.inf,
    ) -> None:
        """Tell that something has failed and will be tried again; the first time counts.

        Args:
            what: What is waited for, or tried.
            reason: The last error.
            key: Tells several of the kind apart; they are told together.
            within_s: It is forgotten if nothing more is heard of it for so long.
        """
        now_s = self._clock.monotonic()
        key = key or what
        before = self._waits.get(key)
        since = before.since if before else self._clock.now()
        began_s = before.began_s if before else now_s
        self._waits[key] = Wait(what, described(reason), since, began_s, now_s + within_s)

    def over(self, key: Hashable) -> None:
        """Tell that it works again, or is tried no more."""
        self._waits.pop(key, None)

    def told(self) -> list[dict[str, str]]:
        """Tell what has lasted for some seconds, each kind once, the longest first.

        Returns:
            For each kind ``what``, ``reason`` (of the one that lasts longest) and ``since``.
        """
        now_s = self._clock.monotonic()
        found: dict[str, list[Wait]] = {}
        for key, wait in sorted(self._waits.copy().items(), key=lambda one: one[1].began_s):
            if wait.due_s < now_s:
                self.over(key)
            elif now_s - wait.began_s >= LASTING_S:
                found.setdefault(wait.what, []).append(wait)
        return [_told(some) for some in found.values()][:MOST_TOLD]


def _told(waits: list[Wait]) -> dict[str, str]:
    first, more = waits[0], len(waits) - 1
    reason = f"{first.reason} (and {more:,} more)" if more else first.reason
    return {"what": first.what, "reason": reason, "since": first.since.isoformat()}


def described(reason: str | Exception) -> str:
    """Write an error for people: ours explain themselves, others need their kind."""
    if isinstance(reason, str):
        return reason
    text = str(reason)
    return text if isinstance(reason, MapstreamError) else f"{type(reason).__name__}: {text}"


WAITS = Waits()
"""Those of this process."""
