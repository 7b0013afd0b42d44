"""Commands about the sources of all collections."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import structlog
from pydantic import ValidationError

from services.discovery.domain.ledger import Wish
from services.discovery.handlers.claims import Claims
from services.discovery.handlers.forget import Rejected, forget, rejected
from services.discovery.ports import StateStore
from shared.bus.channels import (
    DISCOVERY_BATCH,
    SOURCE_FORGOTTEN,
    SOURCE_REJECTED,
    is_collection,
)
from shared.bus.durables import DISCOVERY_READS_COMMANDS
from shared.bus.outgoing import Outgoing, outgoing_batch, outgoing_event
from shared.bus.received import Delivery
from shared.bus.subscriptions import Subscriber
from shared.clock import Clock
from shared.contracts.batches import Batch
from shared.contracts.commands import Forget
from shared.contracts.sources import SourceForgotten
from shared.errors import InvalidMessage

MAX_MESSAGES = 16
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Command:
    """A command as it arrived, readable or not."""

    collection: str
    subject: str
    wish: Wish
    source: str | Rejected


class CommandShell:
    """Carries out the commands for all collections, in order."""

    def __init__(
        self,
        store: StateStore,
        claims: Claims,
        clock: Clock,
        collections: Sequence[str],
        changed: asyncio.Event,
    ) -> None:
        self._store = store
        self._claims = claims
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
            outgoing += await self._carry_out(command)
        self._changed.set()
        return outgoing

    async def _carry_out(self, command: Command) -> list[Outgoing]:
        match await self._answer(command):
            case Batch() as batch:
                log.info("source.forgetting", file=batch.descriptor.filename)
                return [outgoing_batch(DISCOVERY_BATCH, batch)]
            case SourceForgotten() as event:
                return [outgoing_event(SOURCE_FORGOTTEN, event)]
            case Rejected(reason):
                log.warning("command.rejected", subject=command.subject, reason=reason)
                event = rejected(
                    command.collection, command.subject, reason, command.wish, self._clock.now()
                )
                return [outgoing_event(SOURCE_REJECTED, event)]
            case None:
                return []

    async def _answer(self, command: Command) -> Batch | SourceForgotten | Rejected | None:
        if isinstance(command.source, Rejected):
            return command.source
        if command.collection not in self._collections:
            served = ", ".join(self._collections)
            return Rejected(f"nobody serves this collection; served are: {served}")
        return await forget(
            command.collection,
            command.source,
            command.wish,
            store=self._store,
            claims=self._claims,
        )


def read_command(delivery: Delivery) -> Command:
    """Read a command; one that cannot be read is answered, not buried.

    Raises:
        InvalidMessage: Its subject's last token can be no collection: nobody could be answered.
    """
    subject = delivery.subject
    collection = subject.rsplit(".", 1)[1]
    if not is_collection(collection):
        raise InvalidMessage(f"'{collection}' cannot name a collection")
    # Not the message's own id: somebody may use that again when the stream has forgotten it.
    key = f"{delivery.sequence}@{delivery.timestamp}"
    try:
        command = Forget.model_validate_json(delivery.body or b"{}")
    except ValidationError as error:
        mistakes = "; ".join(
            f"{'.'.join(map(str, one['loc'])) or 'body'}: {one['msg']}" for one in error.errors()
        )
        rejection = Rejected(f"the command cannot be read: {mistakes}")
        return Command(collection, subject, Wish(key, delivery.cause), rejection)
    wish = Wish(key, command.correlation_id or delivery.cause)
    return Command(collection, subject, wish, command.source)
