"""Remembers which messages a process has in hand, to find out one that ends it.

A message whose handling ends the process (a crash in native code, a batch that takes all memory)
raises nothing that could be judged: it would be delivered again for ever. So every message has a
small file while it is handled. A file that is there when its message is delivered again tells how
many processes have ended with it in hand. A delivery that was given back, for an outage or at a
graceful stop, has none.

Such a message is handled alone, since it may only have been in hand together with the culprit.
Files that cannot be written are done without: then nothing is remembered.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, nullcontext
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import structlog
from anyio import to_thread
from nats.aio.msg import Msg

KEPT_S = 7 * 86_400.0
"""A file this old belongs to a message that somebody else has handled."""
log = structlog.get_logger(__name__)


class PoisonGuard:
    """The files of the messages that a service has in hand; replicas may share the folder."""

    def __init__(self, folder: Path | None) -> None:
        """Take the folder; None: remember nothing."""
        self._folder = folder
        self._process = uuid4().hex
        self._alone = asyncio.Lock()
        self._is_usable: bool | None = None if folder else False

    @asynccontextmanager
    async def taken(self, raws: Sequence[Msg]) -> AsyncIterator[int]:
        """Have messages in hand for the time of the block, suspects one after the other.

        Yields:
            How many processes have ended while they had one of these messages in hand.
        """
        deaths = await self.deaths(raws)
        async with self._alone if deaths else nullcontext():
            await to_thread.run_sync(self._note, raws)
            try:
                yield deaths
            finally:
                await to_thread.run_sync(self._forget, raws)

    async def deaths(self, raws: Iterable[Msg]) -> int:
        """Return the most processes that have ended with one of these messages in hand."""
        again = [raw for raw in raws if raw.metadata.num_delivered > 1]
        return await to_thread.run_sync(self._count, again) if again and self._folder else 0

    def _count(self, raws: Iterable[Msg]) -> int:
        return max(len(set(self._takers(raw)) - {self._process}) for raw in raws)

    def _takers(self, raw: Msg) -> list[str]:
        try:
            return self._file(raw).read_text().split()
        except (OSError, ValueError):
            return []

    def _note(self, raws: Iterable[Msg]) -> None:
        if self._is_usable is None:
            self._is_usable = self._prepare()
        if not self._is_usable:
            return
        try:
            for raw in raws:
                with self._file(raw).open("a") as file:
                    file.write(self._process + "\n")
        except OSError as error:
            log.warning("poison_guard.not_noted", error=str(error))

    def _forget(self, raws: Iterable[Msg]) -> None:
        if not self._is_usable:
            return
        try:
            for raw in raws:
                self._file(raw).unlink(missing_ok=True)
        except OSError as error:
            log.warning("poison_guard.not_forgotten", error=str(error))

    def _prepare(self) -> bool:
        """Make the folder and clear it of what is too old to be of interest."""
        if self._folder is None:
            return False
        oldest = time.time() - KEPT_S  # noqa: TID251  compared with the times of files
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            for file in self._folder.iterdir():
                if file.stat().st_mtime < oldest:
                    file.unlink(missing_ok=True)
        except OSError as error:
            log.warning("poison_guard.unavailable", folder=str(self._folder), error=str(error))
            return False
        return True

    def _file(self, raw: Msg) -> Path:
        facts = raw.metadata
        # The time is part of the place: a stream that was deleted counts from 1 again.
        place = (facts.stream, facts.consumer, facts.sequence.stream, facts.timestamp)
        return (self._folder or Path()) / sha256(repr(place).encode()).hexdigest()[:32]
