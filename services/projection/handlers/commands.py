"""Carries out the commands for all collections, in order, and tells what became of each."""

import asyncio
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import groupby

from services.projection.domain.refits import HeldRefit
from services.projection.handlers.events import CommandRef
from services.projection.handlers.projector import Projector, rejection
from services.projection.handlers.refit import Outcome, Previewed, Rejected
from services.projection.ports import Roster
from shared.bus.messages.outgoing import Outgoing, Steps
from shared.bus.messages.received_command import ReceivedCommand
from shared.bus.publishing.audits import audited
from shared.clock import Clock
from shared.contracts.audit import Outcome as Word
from shared.contracts.base import Command
from shared.contracts.commands import Refit, Rollback
from shared.contracts.reading import Unreadable
from shared.errors import OwnedElsewhere, TransientError

PATIENCE_S = 2.0
POLL_S = 0.02
WORDS: dict[type, Word] = {HeldRefit: "held", Previewed: "previewed", Rejected: "rejected"}


class ModelCommands:
    """What becomes of commands, whether their collection is served or not."""

    def __init__(
        self,
        projectors: Mapping[str, Projector],
        clock: Clock,
        roster: Roster,
        *,
        patience_s: float = PATIENCE_S,
    ) -> None:
        """Take what it needs.

        Args:
            projectors: Those of the collections that are worked on at any time.
            clock: Dates what is told.
            roster: Says which collections there are.
            patience_s: How long commands wait for a collection that is about to be worked on.
        """
        self._projectors = projectors
        self._clock = clock
        self._roster = roster
        self._patience_s = patience_s

    async def carry_out(self, commands: Sequence[ReceivedCommand]) -> Steps:
        """Carry out what has been waiting; refits in a row are folded into one.

        Those of collections that are not worked on yet come last: none waits for them.

        Raises:
            OwnedElsewhere: Another replica works on the collection of one; the others have had
                their effect.
            TransientError: A checkpoint could not be stored, or there is a collection that is not
                worked on yet; the commands before have had their effect, and are answered once
                more when all come again.
        """
        audits: list[Outgoing] = []
        early = [one for one in commands if self._is_early(one)]
        late = [one for one in early if not self._roster.is_elsewhere(one.collection)]
        for _, folded in groupby([one for one in commands if one not in early], key=_folds_with):
            async for messages in self._carry_out_run(list(folded), audits):
                yield messages
        yield audits
        if len(early) > len(late):
            raise OwnedElsewhere("another replica works on the collection of a command")
        if not late:
            return
        later: list[Outgoing] = []
        unknown = await self._unknown({one.collection for one in late})
        for _, folded in groupby(late, key=_folds_with):
            async for messages in self._carry_out_run(list(folded), later, unknown):
                yield messages
        yield later

    def _is_early(self, one: ReceivedCommand) -> bool:
        is_readable = not isinstance(one.command, Unreadable)
        return is_readable and one.collection not in self._projectors

    async def _unknown(self, collections: set[str]) -> set[str]:
        """Return which of these do not exist; wait a little until the others are worked on.

        Raises:
            TransientError: Discovery does not say which exist.
        """
        unknown = {name for name in sorted(collections) if not await self._roster.has(name)}
        with suppress(TimeoutError):
            async with asyncio.timeout(self._patience_s):
                while any(map(self._is_nowhere, collections - unknown)):  # noqa: ASYNC110  others, too
                    await asyncio.sleep(POLL_S)
        return unknown

    def _is_nowhere(self, collection: str) -> bool:
        return collection not in self._projectors and not self._roster.is_elsewhere(collection)

    async def _carry_out_run(
        self,
        run: Sequence[ReceivedCommand],
        audits: list[Outgoing],
        unknown: Container[str] = (),
    ) -> Steps:
        """Carry out what is one command in effect; adds what is to be told of who gave it.

        Raises:
            TransientError: Its collection is not worked on yet, or as ``carry_out``.
        """
        asked = _ref(run)
        outcome: Outcome | None
        match self._taken_by(run[0], unknown):
            case Rejected() as outcome:
                yield [rejection(run[0].collection, outcome, asked, self._clock)]
            case projector, command:
                async with projector.in_order:
                    if projector.is_closed:  # it was left while this waited for its turn
                        raise TransientError(f"collection '{run[0].collection}' was left")
                    async for messages in projector.catch_up():
                        yield messages
                    outcome = await self._carry_out(command, asked, projector)
                    async for messages in projector.announce(outcome, asked):
                        yield messages
        audits += self._audits(run, outcome)

    def _taken_by(
        self, one: ReceivedCommand, unknown: Container[str]
    ) -> tuple[Projector, Command] | Rejected:
        """Say who carries out a command.

        Raises:
            TransientError: Somebody will.
        """
        if isinstance(one.command, Unreadable):
            return Rejected(one.command.reason)
        if one.collection in unknown:
            return Rejected(
                f"nobody serves collection '{one.collection}': there is none of this name, or the "
                "configuration of projection does not have it"
            )
        projector = self._projectors.get(one.collection)
        if projector is None and self._roster.is_elsewhere(one.collection):
            raise OwnedElsewhere(f"another replica works on collection '{one.collection}'")
        if projector is None:
            raise TransientError(f"collection '{one.collection}' is not worked on yet")
        return projector, one.command

    async def _carry_out(
        self, command: Command, asked: CommandRef, projector: Projector
    ) -> Outcome | None:
        """Carry out a command; returns its outcome, none if that was told before.

        Raises:
            TypeError: It is no command about models.
        """
        if asked.is_repeated and await projector.is_answered(asked.causes):
            return None
        match command:
            case Refit():
                return await projector.refit(command, asked)
            case Rollback():
                return await projector.rollback(command, asked)
            case _:
                raise TypeError(f"{command.family} is no command about models")

    def _audits(
        self, run: Iterable[ReceivedCommand], outcome: Outcome | None
    ) -> Iterator[Outgoing]:
        """Tell of each command; an outcome that was told before stands in its first telling."""
        word: Word = WORDS.get(type(outcome), "done")
        reason = outcome.reason if isinstance(outcome, Rejected) else None
        for one in run:
            now, cause = self._clock.now(), one.cause
            yield audited(one.given, word, now, correlation_id=cause, reason=reason)


def _ref(run: Sequence[ReceivedCommand]) -> CommandRef:
    """Refer to commands that are carried out as one."""
    return CommandRef(
        subject=run[0].subject,
        key=run[0].key,
        causes=tuple(one.cause for one in run),
        is_repeated=all(one.is_repeated for one in run),
    )


def _folds_with(one: ReceivedCommand) -> object:
    """Return what refits that can be folded share; nothing else folds."""
    if isinstance(one.command, Refit):
        return one.collection, one.command.dry_run, one.command.force
    return object()
