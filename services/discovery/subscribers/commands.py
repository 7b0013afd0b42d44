"""Commands about the sources of all collections, and about their dead letters."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from services.discovery.domain.ledger import Wish
from services.discovery.handlers import replay as letters
from services.discovery.handlers.forget import Rejected, forget, rejected
from services.discovery.handlers.replay import Asked, Desk
from services.discovery.handlers.tell_letters import dropped, replayed
from services.discovery.ports import StateStore
from shared.bus.consuming.subscriptions import Subscriber
from shared.bus.messages.outgoing import Outgoing, outgoing_batch, outgoing_event
from shared.bus.messages.received import Delivery
from shared.bus.publishing.audits import Given, audited
from shared.bus.reading.audit_log import given_by
from shared.bus.registry.batches import DISCOVERY_BATCH
from shared.bus.registry.channel import is_collection, split_subject
from shared.bus.registry.commands import COMMAND_DROP, COMMAND_FORGET, COMMAND_REPLAY
from shared.bus.registry.dead_letters import LETTERS_DROPPED, LETTERS_REPLAYED
from shared.bus.registry.durables import DISCOVERY_READS_COMMANDS
from shared.bus.registry.sources import SOURCE_FORGOTTEN, SOURCE_REJECTED
from shared.clock import Clock
from shared.contracts.audit import Outcome
from shared.contracts.batches import Batch
from shared.contracts.commands import Drop, Forget, Replay
from shared.contracts.reading import Unreadable, parse_command
from shared.contracts.sources import SourceForgotten
from shared.errors import InvalidMessage

MAX_MESSAGES = 16
CONTRACTS: dict[str, type[Forget] | type[Replay] | type[Drop]] = {
    COMMAND_FORGET.family: Forget,
    COMMAND_REPLAY.family: Replay,
    COMMAND_DROP.family: Drop,
}
Settled = tuple[list[Outgoing], Outcome, str | None]
"""What is to be told, what became of the command, and why it was rejected."""
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Command:
    """A command as it arrived, readable or not."""

    collection: str
    subject: str
    wish: Wish
    given_at: datetime | None
    body: Forget | Replay | Drop | Rejected
    given: Given


class CommandShell:
    """Carries out the commands for all collections, in order."""

    def __init__(
        self,
        store: StateStore,
        desk: Desk,
        clock: Clock,
        collections: Sequence[str],
        changed: asyncio.Event,
    ) -> None:
        self._store = store
        self._desk = desk
        self._clock = clock
        self._collections = tuple(collections)
        self._changed = changed

    def subscribe(self, subscriber: Subscriber) -> None:
        """Subscribe to the commands of every collection, also of those that nobody serves."""
        subscriber.micro_batches(
            DISCOVERY_READS_COMMANDS,
            "",
            read_command,
            self.on_commands,
            max_messages=MAX_MESSAGES,
            max_wait_s=0,
        )

    async def on_commands(self, commands: Sequence[Command]) -> Iterable[Outgoing]:
        """Carry out what has been waiting."""
        outgoing: list[Outgoing] = []
        for command in commands:
            told, outcome, reason = await self._carry_out(command)
            now, cause = self._clock.now(), command.wish.correlation_id
            audit = audited(command.given, outcome, now, correlation_id=cause, reason=reason)
            outgoing += [*told, audit]
        self._changed.set()
        return outgoing

    async def _carry_out(self, command: Command) -> Settled:
        match self._allowed(command):
            case Rejected() as refusal:
                return self._reject(command, refusal)
            case Forget(source=source):
                return await self._forget(command, source)
            case Replay() | Drop() as wanted:
                return [await self._settle_letters(command, wanted)], "done", None

    def _allowed(self, command: Command) -> Forget | Replay | Drop | Rejected:
        if isinstance(command.body, Rejected) or command.collection in self._collections:
            return command.body
        served = ", ".join(self._collections)
        return Rejected(f"nobody serves this collection; served are: {served}")

    async def _forget(self, command: Command, source: str) -> Settled:
        outcome = await forget(
            command.collection,
            source,
            command.wish,
            store=self._store,
            claims=self._desk.claims,
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

    async def _settle_letters(self, command: Command, wanted: Replay | Drop) -> Outgoing:
        asked = Asked(command.collection, wanted, command.wish.key, command.given_at)
        now = self._clock.now()
        if isinstance(wanted, Replay):
            tally = await letters.replay(asked, desk=self._desk)
            event = outgoing_event(
                LETTERS_REPLAYED, replayed(command.collection, tally, command.wish, now)
            )
        else:
            tally = await letters.drop(asked, desk=self._desk)
            event = outgoing_event(
                LETTERS_DROPPED, dropped(command.collection, tally, command.wish, now)
            )
        log.info(
            "letters.settled",
            subject=command.subject,
            letters=tally.letters,
            records=tally.records,
            refused=len(tally.refused),
        )
        return event

    def _reject(self, command: Command, refusal: Rejected) -> Settled:
        reason = refusal.reason
        log.warning("command.rejected", subject=command.subject, reason=reason)
        event = rejected(
            command.collection, command.subject, reason, command.wish, self._clock.now()
        )
        return [outgoing_event(SOURCE_REJECTED, event)], "rejected", reason


def read_command(delivery: Delivery) -> Command:
    """Read a command; one that cannot be read is answered, not buried.

    Raises:
        InvalidMessage: Its subject's last token can be no collection: nobody could be answered.
    """
    subject = delivery.subject
    family, collection = split_subject(subject)
    if not is_collection(collection):
        raise InvalidMessage(f"'{collection}' cannot name a collection")
    # Not the message's own id: somebody may use that again when the stream has forgotten it.
    key = f"{delivery.sequence}@{delivery.timestamp}"
    given_at = datetime.fromisoformat(delivery.timestamp) if delivery.timestamp else None
    command = parse_command(CONTRACTS[family], delivery.body)
    wish = Wish(key, command.correlation_id or delivery.cause)
    if isinstance(command, Unreadable):
        refusal = Rejected(command.reason)
        return Command(collection, subject, wish, given_at, refusal, given_by(delivery))
    return Command(collection, subject, wish, given_at, command, given_by(delivery))
