"""Carries out the commands for all collections, in order, and tells what became of each."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from services.projection.domain.refits import HeldRefit
from services.projection.handlers.events import CommandRef
from services.projection.handlers.projector import Projector, rejection
from services.projection.handlers.refit import Outcome, Previewed, Rejected
from shared.bus.messages.outgoing import Outgoing, Steps
from shared.bus.messages.received_command import ReceivedCommand
from shared.bus.publishing.audits import audited
from shared.clock import Clock
from shared.contracts.audit import Outcome as Word
from shared.contracts.base import Command
from shared.contracts.commands import Refit, Rollback
from shared.contracts.reading import Unreadable

WORDS: dict[type, Word] = {HeldRefit: "held", Previewed: "previewed", Rejected: "rejected"}


class ModelCommands:
    """What becomes of commands, whether their collection is served or not."""

    def __init__(self, projectors: Mapping[str, Projector], clock: Clock) -> None:
        self._projectors = projectors
        self._clock = clock

    async def carry_out(self, commands: Sequence[ReceivedCommand]) -> Steps:
        """Carry out what has been waiting; refits in a row are folded into one.

        Raises:
            TransientError: A checkpoint could not be stored; the commands before have had their
                effect, and are answered once more when all come again.
        """
        audits: list[Outgoing] = []
        for _, folded in groupby(commands, key=_folds_with):
            run = list(folded)
            asked = _ref(run)
            outcome: Outcome | None
            match self._taken_by(run[0]):
                case Rejected() as outcome:
                    yield [rejection(run[0].collection, outcome, asked, self._clock)]
                case projector, command:
                    async with projector.in_order:
                        async for messages in projector.catch_up():
                            yield messages
                        outcome = await self._carry_out(command, asked, projector)
                        async for messages in projector.announce(outcome, asked):
                            yield messages
            audits += self._audits(run, outcome)
        yield audits

    def _taken_by(self, one: ReceivedCommand) -> tuple[Projector, Command] | Rejected:
        if isinstance(one.command, Unreadable):
            return Rejected(one.command.reason)
        projector = self._projectors.get(one.collection)
        if projector is None:
            served = ", ".join(self._projectors)
            return Rejected(f"nobody serves this collection; served are: {served}")
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
