"""Finds out a message that ends the processes that handle it.

A message whose handling ends the process (a crash in native code, a batch that takes all memory)
raises nothing that could be judged: it would be delivered again for ever. So every process has a
small file with a note of each message while that is handled. A note in a file whose process has
ended makes a message suspect when it is delivered again. A delivery that was given back, for an
outage or at a graceful stop, has none; nor has one whose handler only waited for somebody else;
and one that a living process still has, which the bus has not heard of for a while, is nobody's
end.

A message is blamed for a death only if nothing else was in hand then: with others there, it may
have been any of them, or all of them together. So a suspect is handled alone in its process:
others wait until it is over, or waits for somebody else itself.

Files that cannot be written are done without: then nothing is remembered.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from uuid import uuid4

import structlog
from anyio import to_thread
from nats.aio.msg import Msg

from shared.bus.consuming.in_hand_notes import (
    NOTHING,
    Notes,
    clear_away,
    forget,
    is_in_use,
    note_of,
    read_notes,
)
from shared.waits import Work, work_in_hand

PATIENCE_S = 10.0
"""So long a suspect waits for others to be out of hand; what follows then proves nothing."""
log = structlog.get_logger(__name__)


class PoisonGuard:
    """The notes of the messages that a service has in hand; replicas may share the folder."""

    def __init__(self, folder: Path | None, *, patience_s: float = PATIENCE_S) -> None:
        """Take the folder; None: remember nothing."""
        self._folder = folder
        self._patience_s = patience_s
        self._own: Notes | None = None
        self._is_clear = False
        self._active: dict[_InHand, bool] = {}
        """What is being handled just now, and whether it is suspect."""
        self._due = 0
        """So many suspects wait for their turn."""
        self._turned = asyncio.Event()

    @asynccontextmanager
    async def taken(self, raws: Sequence[Msg]) -> AsyncIterator[int]:
        """Have messages in hand for the time of the block; a suspect alone.

        Yields:
            How many processes have ended while they had nothing but one of these in hand.
        """
        deaths = await self.deaths(raws)
        is_suspect = deaths is not None
        await (self._until_alone() if is_suspect else self._until(self._has_no_suspect))
        in_hand = _InHand(self, raws, work_in_hand(), is_suspect=is_suspect)
        try:
            yield deaths or 0
        finally:
            in_hand.put_down()
            if is_suspect:
                await to_thread.run_sync(self._acquit, raws)

    async def deaths(self, raws: Iterable[Msg]) -> int | None:
        """Return the most processes that have ended with nothing but one of these in hand.

        Returns:
            None if no process has ended with any of them in hand; 0 if others always were, too.
        """
        again = [raw for raw in raws if raw.metadata.num_delivered > 1]
        return await to_thread.run_sync(self._count, again) if again and self._folder else None

    def begin(self, in_hand: "_InHand", *, is_suspect: bool) -> list[int]:
        """Note messages that are being handled from now on, and return the notes' places."""
        self._active[in_hand] = is_suspect
        own = self._own or self._prepare()
        return own.write(map(note_of, in_hand.raws)) if own else []

    def end(self, in_hand: "_InHand", places: Iterable[int]) -> None:
        """Erase the notes of messages that are not being handled any more."""
        if self._own:
            self._own.erase(places)
        self._active.pop(in_hand, None)
        self._turned.set()

    async def _until_alone(self) -> None:
        self._due += 1
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._patience_s):
                    await self._until(lambda: not self._active)
            await self._until(lambda: not any(self._active.values()))
        finally:
            self._due -= 1
            self._turned.set()

    def _has_no_suspect(self) -> bool:
        return not self._due and not any(self._active.values())

    async def _until(self, is_so: Callable[[], bool]) -> None:
        while not is_so():
            if self._turned.is_set():
                self._turned = asyncio.Event()
            await self._turned.wait()

    def _count(self, raws: Iterable[Msg]) -> int | None:
        known = {note_of(raw) for raw in raws}
        in_hand = [set(read_notes(file)) - {NOTHING} for file in self._files_of_ended()]
        found = [notes for notes in in_hand if notes & known]
        if not found:
            return None
        return max(sum(notes == {note} for notes in found) for note in known)

    def _acquit(self, raws: Iterable[Msg]) -> None:
        """Forget what those before have noted of messages that did not end this process."""
        known = {note_of(raw) for raw in raws}
        for file in self._files_of_ended():
            forget(file, known)

    def _prepare(self) -> Notes | None:
        """Make the file of this process; a full disk may have room for it the next time."""
        if self._folder is None or not self._is_usable():
            return None
        try:
            self._own = Notes(self._folder / uuid4().hex)
        except OSError as error:
            log.warning("poison_guard.not_noted", error=str(error))
        return self._own

    def _is_usable(self) -> bool:
        """Make the folder, and clear away the files that tell nothing any more, once."""
        if self._folder is None or self._is_clear:
            return self._folder is not None
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            for file in self._folder.iterdir():
                clear_away(file)
        except OSError as error:
            log.warning("poison_guard.unavailable", folder=str(self._folder), error=str(error))
            self._folder = None
        self._is_clear = True
        return self._folder is not None

    def _files_of_ended(self) -> list[Path]:
        if self._folder is None:
            return []
        own = self._own.file if self._own else None
        try:
            others = [file for file in self._folder.iterdir() if file != own]
        except OSError:
            return []
        return [file for file in others if not is_in_use(file)]


class _InHand:
    """Messages in hand: noted as long as they are being handled, and do not wait for others."""

    def __init__(
        self, guard: PoisonGuard, raws: Sequence[Msg], work: Work | None, *, is_suspect: bool
    ) -> None:
        self.raws = raws
        self._guard = guard
        self._work = work
        self._is_suspect = is_suspect
        self._places: list[int] | None = guard.begin(self, is_suspect=is_suspect)
        if work is not None:
            work.on_turn = self._turn

    def put_down(self) -> None:
        """Be done with them."""
        if self._work is not None:
            self._work.on_turn = None
        self._rest()

    def _turn(self) -> None:
        if self._work is not None and self._work.is_waiting:
            self._rest()
        elif self._places is None:
            self._places = self._guard.begin(self, is_suspect=self._is_suspect)

    def _rest(self) -> None:
        if self._places is not None:
            self._guard.end(self, self._places)
            self._places = None
