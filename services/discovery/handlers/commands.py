"""Carries out commands about collections, their sources and their dead letters."""

import asyncio
from collections.abc import Collection, Sequence
from contextlib import aclosing

import structlog

from services.discovery.domain.ledger import CommandRef
from services.discovery.handlers.creation import Creation
from services.discovery.handlers.dead_letter_events import dropped, replayed
from services.discovery.handlers.forget import Rejected, forget, rejected
from services.discovery.handlers.replay import (
    LetterCommand,
    ReplayContext,
    ReplayResult,
    drop,
    replay,
)
from services.discovery.ports import StateStore
from shared.bus.messages.outgoing import Outgoing, Steps, outgoing_batch, outgoing_event
from shared.bus.messages.received_command import ReceivedCommand
from shared.bus.publishing.audits import audited
from shared.bus.registry.batches import DISCOVERY_BATCH
from shared.bus.registry.dead_letters import LETTERS_DROPPED, LETTERS_REPLAYED
from shared.bus.registry.sources import SOURCE_FORGOTTEN, SOURCE_REJECTED
from shared.clock import Clock
from shared.contracts.audit import Outcome
from shared.contracts.base import Command
from shared.contracts.batches import Batch
from shared.contracts.commands import Create, Drop, Forget, Rename, Replay
from shared.contracts.reading import Unreadable
from shared.contracts.sources import SourceForgotten

Settled = tuple[list[Outgoing], Outcome, str | None]
"""What is to be told, what became of the command, and why it was rejected."""
log = structlog.get_logger(__name__)


class SourceCommands:
    """What becomes of commands, whether their collection is served or not."""

    def __init__(
        self,
        store: StateStore,
        context: ReplayContext,
        creation: Creation,
        clock: Clock,
        collections: Collection[str],
        changed: asyncio.Event,
    ) -> None:
        self._store = store
        self._context = context
        self._creation = creation
        self._records = creation.records
        self._clock = clock
        self._collections = collections
        self._changed = changed

    async def carry_out(self, commands: Sequence[ReceivedCommand]) -> Steps:
        """Carry out what has been waiting, in order; all of it is answered at the end.

        Raises:
            TransientError: The bus or the ledger did not answer; what was done stays done.
        """
        outgoing: list[Outgoing] = []
        for command in commands:
            result = ReplayResult()
            if isinstance(wanted := self._allowed(command), Replay):
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

    def _allowed(self, command: ReceivedCommand) -> Command | Rejected:
        if isinstance(command.command, Unreadable):
            return Rejected(command.command.reason)
        is_served = command.collection in (*self._collections, *self._creation.made)
        if isinstance(command.command, Create) or is_served:
            return command.command
        served = ", ".join(self._collections)
        return Rejected(f"nobody serves this collection; served are: {served}")

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
        match wanted:
            case Rejected() as refusal:
                return self._reject(command, refusal)
            case Forget(source=source):
                return await self._forget(command, source)
            case Replay():
                event = replayed(command.collection, result, _ref(command), now)
                told = outgoing_event(LETTERS_REPLAYED, event)
            case Drop():
                result = await drop(_about_letters(command, wanted), context=self._context)
                event = dropped(command.collection, result, _ref(command), now)
                told = outgoing_event(LETTERS_DROPPED, event)
            case Rename():
                return await self._rename(command, wanted)
            case Create():
                return await self._create(command, wanted)
            case _:
                raise TypeError(f"{wanted.family} is no command of discovery")
        log.info(
            "letters.settled",
            subject=command.subject,
            letters=result.letters,
            records=result.records,
            refused=len(result.refused),
        )
        return [told], "done", None

    async def _forget(self, command: ReceivedCommand, source: str) -> Settled:
        outcome = await forget(
            command.collection,
            source,
            _ref(command),
            store=self._store,
            locks=self._context.locks,
        )
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

    async def _rename(self, command: ReceivedCommand, wanted: Rename) -> Settled:
        record = await self._records.rename(command.collection, wanted)
        if record is None:
            return self._reject(command, Rejected("there is no such collection"))
        log.info("collection.renamed", subject=command.subject, revision=record.revision)
        return [self._records.answer(record, _ref(command))], "done", None

    async def _create(self, command: ReceivedCommand, wanted: Create) -> Settled:
        made = await self._creation.create(command.collection, wanted, command.given.key)
        if isinstance(made, Rejected):
            return self._reject(command, made)
        log.info("collection.created", subject=command.subject, sources=len(made.sources))
        return [self._records.answer(made, _ref(command))], "done", None

    def _reject(self, command: ReceivedCommand, refusal: Rejected) -> Settled:
        reason = refusal.reason
        log.warning("command.rejected", subject=command.subject, reason=reason)
        event = rejected(
            command.collection, command.subject, reason, _ref(command), self._clock.now()
        )
        return [outgoing_event(SOURCE_REJECTED, event)], "rejected", reason


def _ref(command: ReceivedCommand) -> CommandRef:
    return CommandRef(command.given.key, command.cause)


def _about_letters(command: ReceivedCommand, wanted: Replay | Drop) -> LetterCommand:
    return LetterCommand(command.collection, wanted, command.given.key, command.given.given_at)
