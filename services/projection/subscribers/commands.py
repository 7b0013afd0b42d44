"""Commands for the projections of all collections."""

from collections.abc import Sequence

from services.projection.handlers.commands import ModelCommands, ReceivedCommand
from services.projection.handlers.refit import Rejected
from shared.bus.consuming.durable_subscriber import DurableRouter, Pull
from shared.bus.consuming.settling import Settler
from shared.bus.messages.commands import command_in
from shared.bus.messages.outgoing import Steps
from shared.bus.messages.received import Delivery
from shared.bus.reading.audit_log import given_by
from shared.bus.registry.durables import PROJECTION_READS_COMMANDS
from shared.contracts.reading import Unreadable

FOLDED_AT_ONCE = 64


def build_commands_router(settler: Settler, commands: ModelCommands) -> DurableRouter:
    """Bring the commands of every collection, also of those that nobody serves, in order."""
    router = DurableRouter(settler)

    @router.durable(PROJECTION_READS_COMMANDS, "", read_command, Pull(FOLDED_AT_ONCE, 0))
    async def on_commands(received: Sequence[ReceivedCommand]) -> Steps:
        return commands.carry_out(received)

    return router


def read_command(delivery: Delivery) -> ReceivedCommand:
    """Read a command; one that cannot be read is answered, not dead-lettered.

    Raises:
        InvalidMessage: Its subject's last token can be no collection: nobody could be answered.
    """
    collection, command = command_in(delivery)
    is_unreadable = isinstance(command, Unreadable)
    return ReceivedCommand(
        collection,
        delivery.subject,
        delivery.cause,
        command.correlation_id or delivery.cause,
        Rejected(command.reason) if is_unreadable else command,
        given_by(delivery),
        is_repeated=delivery.deliveries > 1 and not is_unreadable,
    )
