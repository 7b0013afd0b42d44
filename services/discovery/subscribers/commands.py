"""Commands about the sources of all collections, and about their dead letters."""

from collections.abc import Sequence
from datetime import datetime

from services.discovery.domain.ledger import CommandRef
from services.discovery.handlers.commands import ReceivedCommand, SourceCommands
from services.discovery.handlers.forget import Rejected
from shared.bus.consuming.durable_subscriber import DurableRouter, Pull
from shared.bus.consuming.settling import Settler
from shared.bus.messages.commands import command_in
from shared.bus.messages.outgoing import Steps
from shared.bus.messages.received import Delivery
from shared.bus.reading.audit_log import given_by
from shared.bus.registry.durables import DISCOVERY_READS_COMMANDS
from shared.contracts.reading import Unreadable

MAX_MESSAGES = 16


def build_commands_router(settler: Settler, commands: SourceCommands) -> DurableRouter:
    """Bring the commands of every collection, also of those that nobody serves, in order."""
    router = DurableRouter(settler)

    @router.durable(DISCOVERY_READS_COMMANDS, "", read_command, Pull(MAX_MESSAGES, 0))
    async def on_commands(received: Sequence[ReceivedCommand]) -> Steps:
        return commands.carry_out(received)

    return router


def read_command(delivery: Delivery) -> ReceivedCommand:
    """Read a command; one that cannot be read is answered, not dead-lettered.

    Raises:
        InvalidMessage: Its subject's last token can be no collection: nobody could be answered.
    """
    collection, command = command_in(delivery)
    # Not the message's own id: somebody may use that again when the stream has forgotten it.
    key = f"{delivery.sequence}@{delivery.timestamp}"
    given_at = datetime.fromisoformat(delivery.timestamp) if delivery.timestamp else None
    ref = CommandRef(key, command.correlation_id or delivery.cause)
    body = Rejected(command.reason) if isinstance(command, Unreadable) else command
    return ReceivedCommand(collection, delivery.subject, ref, given_at, body, given_by(delivery))
