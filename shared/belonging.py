"""Keeps the history of a ledger or of projection's state, and compares it with the dataset's."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import structlog

from shared.contracts.history import (
    ComparedHistory,
    CompareHistory,
    ToldMemory,
    ToldOpening,
)
from shared.errors import BeginAnew, ConfigurationError, TransientError
from shared.history import DATASET, History, Memory, Verdict, opened
from shared.waits import WAITS, pause

Result = TypeVar("Result")
AGAIN_S = 1.0
AT_FIRST_S = 0.2
"""Between two questions until the first is answered: what is sent meanwhile waits for that."""
EVERY_S = 10.0
"""Afterwards: the dataset may be opened anew at any time."""
ITS = {"discovery": "the ledger of discovery", "projection": "the state of projection"}
log = structlog.get_logger(__name__)


class HistoryKeeper(Protocol):
    """Where the history of a state is kept: in it."""

    async def history(self, collection: str) -> str | None:
        """Return the document, if there is one.

        Raises:
            TransientError: It could not be read.
        """

    async def keep_history(self, collection: str, document: str) -> None:
        """Keep the document, for good.

        Raises:
            TransientError: It could not be written.
        """


Ask = Callable[[CompareHistory], Awaitable[ComparedHistory]]


@dataclass(slots=True)
class Belonging:
    """Says to which dataset the state of one collection belongs."""

    owner: str
    collection: str
    keeper: HistoryKeeper
    ask: Ask
    """Asks who owns the dataset."""
    mends_older: bool = False
    """Whether a state that is too old is made again from the dataset, as one that is lost is."""
    tell: Callable[[], None] = lambda: None
    """Called when ``is_compared`` is another."""
    is_compared: bool = False
    """Whether they were found to belong together since the start."""
    _holds_rows: bool = False
    _history: History = field(init=False)

    def opened(self) -> tuple[str, ...]:
        """Return what goes with all that is sent, for writing to know from which state it is."""
        return self._history.sent_along

    async def open(self, position: int, *, holds_rows: bool = False) -> None:
        """Begin an opening, if anything has changed since the last one.

        Raises:
            ConfigurationError: What is kept cannot be read.
            TransientError: It could not be kept.
        """
        document = await self.keeper.history(self.collection)
        before = self._read(document) if document else None
        self._holds_rows = holds_rows
        await self._keep(opened(before, position), before)

    async def renew(self, position: int) -> None:
        """Note that the state was made again for the present dataset, whichever that is.

        Raises:
            TransientError: It could not be kept.
        """
        await self._keep(self._history.at(position).renewed())

    async def compare(self) -> Verdict:
        """Ask once; what is to be remembered is kept.

        Raises:
            TransientError: Nobody answers, or it could not be kept.
        """
        told = await self.ask(self._question())
        verdict, dataset = Verdict(told.verdict), told.dataset
        if verdict is Verdict.TOGETHER:
            memory = Memory(dataset.history, dataset.opening, dataset.position)
            await self._keep(self._history.remembering(DATASET, memory), self._history)
        self._note(is_compared=verdict is Verdict.TOGETHER, dataset=told.dataset.history)
        return verdict

    def _note(self, *, is_compared: bool, dataset: str) -> None:
        if is_compared == self.is_compared:
            return
        if is_compared:
            log.info("history.together", collection=self.collection, dataset=dataset)
        self.is_compared = is_compared
        self.tell()

    def is_to_be_made_again(self, verdict: Verdict) -> bool:
        """Tell whether the state is to be made again from the dataset.

        Raises:
            ConfigurationError: It does not belong to the dataset, and nobody knows which of the
                two is right.
        """
        if verdict is Verdict.TOGETHER:
            return False
        mended = {Verdict.OWNER_LOST, *([Verdict.OWNER_OLDER] if self.mends_older else [])}
        if verdict in mended:
            return True
        raise ConfigurationError(
            f"collection {self.collection}: {ITS[self.owner]} and the dataset do not belong "
            f"together: {verdict}. Nothing is written before that is settled: put the folder back "
            "that belongs here; or, to go on from what the dataset has, stop all services and run "
            "mapstream verify --repair (--output and --state name the folders)"
        )

    async def keep_comparing(self) -> None:
        """Compare again and again: at once until somebody answers, then now and then.

        Raises:
            BeginAnew: The state is lost, as it turns out only now.
            ConfigurationError: It does not belong to the dataset.
        """
        while True:
            await asyncio.sleep(EVERY_S if self.is_compared else AT_FIRST_S)
            try:
                verdict = await self.compare()
            except TransientError as error:
                log.debug("history.unknown", collection=self.collection, error=str(error))
                continue
            if self.is_to_be_made_again(verdict):
                log.error("history.lost", collection=self.collection, what=str(verdict))
                raise BeginAnew(f"collection {self.collection}: {verdict}")

    def _question(self) -> CompareHistory:
        own, seen = self._history, self._history.seen
        return CompareHistory.model_validate(
            {
                "owner": self.owner,
                "history": own.id,
                "openings": tuple(ToldOpening(id=one.id, began=one.began) for one in own.openings),
                "position": own.position,
                "seen": seen
                and ToldMemory(history=seen.history, opening=seen.opening, position=seen.position),
                "is_renewed": own.is_renewed,
                "holds_rows": self._holds_rows,
            }
        )

    async def _keep(self, history: History, before: History | None = None) -> None:
        if history != before:
            await self.keeper.keep_history(self.collection, history.spell())
        self._history = history

    def _read(self, document: str) -> History:
        try:
            return History.read(document)
        except ValueError as error:
            raise ConfigurationError(
                f"collection {self.collection}: the history in {ITS[self.owner]} cannot be read: "
                f"{error}; put its folder back as it was, or move it away and begin anew"
            ) from error


async def renew_history(collection: str, keeper: HistoryKeeper, position: int) -> None:
    """Note of a state that nobody owns that it was made again for the present dataset.

    Raises:
        TransientError: It could not be kept.
    """
    document = await keeper.history(collection)
    before = None
    with suppress(ValueError):
        before = History.read(document) if document else None
    history = opened(before, position).renewed()
    await keeper.keep_history(collection, history.spell())


async def patiently(what: str, work: Callable[[], Awaitable[Result]]) -> Result:
    """Open a state, as often as it takes until the disk, or the bus, lets that be done.

    Args:
        what: What is done, for whoever asks what is waited for.
        work: Does it, or leaves everything as it was.
    """
    with WAITS.trying(what) as trial:
        while True:
            try:
                return await work()
            except TransientError as error:
                log.warning("start.postponed", waiting=what, error=str(error))
                trial.failed(error)
                await pause(AGAIN_S)
