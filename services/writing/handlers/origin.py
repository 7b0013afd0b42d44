"""Knows which ledger and which state of projection belong to the dataset, and what they sent."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from enum import Enum, auto

import structlog

from services.writing.ports import DatasetStore, HistoryKeeper
from shared.contracts.history import ComparedHistory, CompareHistory, ToldMemory
from shared.errors import TransientError
from shared.history import DATASET, History, Memory, Opening, Verdict, judge, opened

PATIENCE_S = 2.0
"""How long a message waits for its sender to say who it is, before it is given back."""
log = structlog.get_logger(__name__)


class Origin(Enum):
    """Where a message comes from."""

    OURS = auto()
    """From a state that belongs to the dataset."""
    GIVEN_UP = auto()
    """From one that is there no more, or was made again: it means nothing now."""


class DatasetOrigin:
    """The history of one dataset."""

    def __init__(self, collection: str, *, store: DatasetStore, keeper: HistoryKeeper) -> None:
        self._collection = collection
        self._store = store
        self._keeper = keeper
        self._history: History | None = None
        self._changing = asyncio.Lock()
        self._heard: Counter[str] = Counter()
        """How often each owner was found to belong here, since the start."""
        self._news = asyncio.Condition()
        self._strangers: dict[tuple[str, str], int] = {}
        """Openings that nobody has told, and how often their owner had been heard before."""

    async def open(self) -> None:
        """Begin an opening, if the dataset has changed since the last one.

        Raises:
            ConfigurationError: What is kept is no history.
            TransientError: It could not be read or kept.
        """
        before = await self._keeper.load()
        now = opened(before, (await self._store.state()).dataset_version)
        if now != before:
            await self._keeper.keep(now)
        self._history = now

    async def compare(self, asked: CompareHistory) -> ComparedHistory:
        """Judge whether a state belongs to the dataset; one that does is remembered.

        Raises:
            TransientError: The store could not be read, or it could not be noted.
        """
        async with self._changing:
            told = _told(asked)
            dataset = self._own.at((await self._store.state()).dataset_version)
            verdict = judge(asked.owner, told, dataset, holds_rows=asked.holds_rows)
            if verdict is Verdict.TOGETHER:
                await self._remember(asked.owner, told.as_memory(), dataset)
            else:
                log.error("history.apart", owner=asked.owner, what=str(verdict))
        memory = dataset.as_memory()
        return ComparedHistory.model_validate(
            {
                "verdict": str(verdict),
                "dataset": ToldMemory(
                    history=memory.history, opening=memory.opening, position=memory.position
                ),
            }
        )

    def opening_at(self, dataset_version: int) -> str:
        """Tell a version of this dataset from one of a dataset that was in its place before."""
        return self._own.opening_at(dataset_version)

    def remembers(self, owner: str) -> bool:
        """Tell whether an owner has ever said which state it has."""
        return owner in self._own.remembered

    async def of(self, owner: str, sent_along: Sequence[str]) -> Origin:
        """Say where a message comes from, by the openings that its sender sent along.

        Raises:
            TransientError: Its sender has not said yet which state it has.
        """
        if not sent_along:
            return Origin.OURS
        try:
            async with asyncio.timeout(PATIENCE_S), self._news:
                while (origin := self._known(owner, sent_along)) is None:
                    await self._news.wait()
        except TimeoutError:
            raise TransientError(
                f"what came is of a state of {owner} that this dataset does not know; {owner} has "
                "to say which it is: is it running, and what does its log say?"
            ) from None
        return origin

    def _known(self, owner: str, sent_along: Sequence[str]) -> Origin | None:
        memory = self._own.remembered.get(owner)
        if memory and (sent_along[0] in memory.openings or memory.opening in sent_along):
            return Origin.OURS
        heard = self._strangers.setdefault((owner, sent_along[0]), self._heard[owner])
        return Origin.GIVEN_UP if self._heard[owner] > heard else None

    async def _remember(self, owner: str, memory: Memory, dataset: History) -> None:
        known = dataset.remembered.get(owner)
        # Where it is now matters little, and would be written all the time.
        if known is None or replace(known, position=memory.position) != memory:
            now = dataset.remembering(owner, memory)
            await self._keeper.keep(now)
            self._history = now
        if known is not None:
            for opening in set(known.openings) - set(memory.openings):
                self._strangers[owner, opening] = -1  # it was known, and is given up
        async with self._news:
            self._heard[owner] += 1
            self._news.notify_all()

    @property
    def _own(self) -> History:
        assert self._history is not None, "it is opened first"  # noqa: S101
        return self._history


def _told(asked: CompareHistory) -> History:
    """Read the history that a state has, as it tells it."""
    remembered = {}
    if (seen := asked.seen) is not None:
        remembered[DATASET] = Memory(seen.history, seen.opening, seen.position)
    return History(
        id=asked.history,
        openings=tuple(Opening(one.id, one.began) for one in asked.openings),
        position=asked.position,
        remembered=remembered,
        is_renewed=asked.is_renewed,
    )
