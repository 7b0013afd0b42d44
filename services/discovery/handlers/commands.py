"""Carries out commands about collections, their sources and their dead letters."""

import asyncio
from collections.abc import Collection, Sequence
from contextlib import aclosing
from dataclasses import dataclass

import structlog

from services.discovery.domain.ledger import CommandRef
from services.discovery.handlers.bare_batches import showing_batch
from services.discovery.handlers.collection_commands import CollectionCommands
from services.discovery.handlers.dead_letter_events import dropped, replayed
from services.discovery.handlers.forget import Rejected, forget, rejected
from services.discovery.handlers.jobs import JobCommands
from services.discovery.handlers.replay import (
    LetterCommand,
    ReplayContext,
    ReplayResult,
    drop,
    replay,
)
from services.discovery.ports import StateStore
from services.discovery.ports.jobs import Wish
from shared.bus.messages.outgoing import Outgoing, Steps, outgoing_batch, outgoing_event
from shared.bus.messages.received_command import ReceivedCommand
from shared.bus.publishing.audits import audited
from shared.bus.registry.batches import DISCOVERY_BATCH
from shared.bus.registry.dead_letters import LETTERS_DROPPED, LETTERS_REPLAYED
from shared.bus.registry.sources import SOURCE_FORGOTTEN, SOURCE_REJECTED, SOURCE_UPLOADED
from shared.clock import Clock
from shared.contracts.audit import Outcome
from shared.contracts.base import Command
from shared.contracts.batches import Batch
from shared.contracts.commands import (
    Cancel,
    Create,
    Delete,
    Drop,
    Forget,
    Rename,
    Replay,
    Retry,
    Submit,
)
from shared.contracts.fetching import Fetch
from shared.contracts.reading import Unreadable
from shared.contracts.sources import SourceForgotten
from shared.contracts.uploads import SourceUploaded, Upload

Settled = tuple[list[Outgoing], Outcome, str | None]
"""What is to be told, what became of the command, and why it was rejected."""
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Carriers:
    """Who carries out which commands, beside those about one source."""

    letters: ReplayContext
    whole: CollectionCommands
    jobs: JobCommands
    configured: Collection[str]

    async def is_served(self, collection: str) -> bool:
        """Tell whether a collection is worked on when there is work.

        Raises:
            TransientError: The record could not be read.
        """
        return await self.whole.records.is_served(collection, self.configured)


class SourceCommands:
    """What becomes of commands, whether their collection is served or not."""

    def __init__(
        self,
        store: StateStore,
        carriers: Carriers,
        clock: Clock,
        changed: asyncio.Event,
    ) -> None:
        self._store = store
        self._context = carriers.letters
        self._whole = carriers.whole
        self._jobs = carriers.jobs
        self._clock = clock
        self._carriers = carriers
        self._changed = changed

    async def carry_out(self, commands: Sequence[ReceivedCommand]) -> Steps:
        """Carry out what has been waiting, in order; all of it is answered at the end.

        Raises:
            TransientError: The bus or the ledger did not answer; what was done stays done.
        """
        outgoing: list[Outgoing] = []
        for command in commands:
            result = ReplayResult()
            if isinstance(wanted := await self._allowed(command), Replay):
                asked = _about_letters(command, wanted)
                steps = replay(asked, context=self._context, result=result)
                async with aclosing(steps):
                    async for messages in steps:
                        yield messages
            told, outcome, reason = await self._settle(command, wanted, result)
            now, cause = self._clock.now(), command.cause
            audit = audited(command.given, outcome, now, correlation_id=cause, reason=reason)
            outgoing += [*told, audit]
        self._changed.set()
        yield outgoing

    async def _allowed(self, command: ReceivedCommand) -> Command | Rejected:
        if isinstance(command.command, Unreadable):
            return Rejected(command.command.reason)
        is_served = await self._carriers.is_served(command.collection)
        if isinstance(command.command, Create | Delete) or is_served:
            return command.command
        served = ", ".join(self._carriers.configured)
        return Rejected(
            f"nobody serves this collection: no command has made it, and the configuration has "
            f"{served}"
        )

    async def _settle(
        self,
        command: ReceivedCommand,
        wanted: Command | Rejected,
        result: ReplayResult,
    ) -> Settled:
        """Carry out what publishes nothing before its answer; say what became of a command.

        Raises:
            TypeError: It is no command of discovery.
        """
        now = self._clock.now()
        shown: list[Batch] = []
        match wanted:
            case Rejected() as refusal:
                return self._reject(command, refusal)
            case Forget(source=source):
                return await self._forget(command, source)
            case Replay():
                event = replayed(command.collection, result, _ref(command), now)
                told = outgoing_event(LETTERS_REPLAYED, event)
            case Drop():
                result = await drop(
                    _about_letters(command, wanted), context=self._context, now=now
                )
                event = dropped(command.collection, result, _ref(command), now)
                shown = [showing_batch(source) for source in result.ended]
                told = outgoing_event(LETTERS_DROPPED, event)
            case Create() | Rename() | Delete():
                return await self._about_whole(command, wanted)
            case Upload() | Submit() | Fetch() | Cancel() | Retry():
                return await self._work(command, wanted)
            case _:
                raise TypeError(f"{wanted.family} is no command of discovery")
        log.info(
            "letters.settled",
            subject=command.subject,
            letters=result.letters,
            records=result.records,
            refused=len(result.refused),
        )
        return [*(outgoing_batch(DISCOVERY_BATCH, one) for one in shown), told], "done", None

    async def _work(
        self, command: ReceivedCommand, wanted: Upload | Submit | Fetch | Cancel | Retry
    ) -> Settled:
        """Take a file in, or carry out what is asked about jobs."""
        told: SourceUploaded | Outgoing | Rejected | None
        if isinstance(wanted, Upload):
            wish = Wish(command.given.key, command.given.who, command.cause)
            told = await self._whole.uploads.admit(command.collection, wanted, wish)
        else:
            told = await self._jobs.carry_out(command, wanted)
        if isinstance(told, Rejected):
            return self._reject(command, told)
        if isinstance(told, SourceUploaded):
            told = outgoing_event(SOURCE_UPLOADED, told)
        return [told] if told else [], "done", None

    async def _forget(self, command: ReceivedCommand, source: str) -> Settled:
        outcome = await forget(
            command.collection,
            source,
            _ref(command),
            store=self._store,
            locks=self._context.locks,
        )
        await self._whole.uploads.follow()
        match outcome:
            case Batch() as batch:
                log.info("source.forgetting", file=batch.descriptor.filename)
                return [outgoing_batch(DISCOVERY_BATCH, batch)], "begun", None
            case SourceForgotten() as event:
                return [outgoing_event(SOURCE_FORGOTTEN, event)], "done", None
            case Rejected() as refusal:
                return self._reject(command, refusal)
            case None:
                return [], "begun", None

    async def _about_whole(
        self, command: ReceivedCommand, wanted: Create | Rename | Delete
    ) -> Settled:
        told = await self._whole.carry_out(command.collection, wanted, _ref(command))
        if isinstance(told, Rejected):
            return self._reject(command, told)
        return ([told], "done", None) if told else ([], "begun", None)

    def _reject(self, command: ReceivedCommand, refusal: Rejected) -> Settled:
        reason = refusal.reason
        log.warning("command.rejected", subject=command.subject, reason=reason)
        event = rejected(
            command.collection, command.subject, refusal, _ref(command), self._clock.now()
        )
        return [outgoing_event(SOURCE_REJECTED, event)], "rejected", reason


def _ref(command: ReceivedCommand) -> CommandRef:
    return CommandRef(command.given.key, command.cause)


def _about_letters(command: ReceivedCommand, wanted: Replay | Drop) -> LetterCommand:
    return LetterCommand(command.collection, wanted, command.given.key, command.given.given_at)
