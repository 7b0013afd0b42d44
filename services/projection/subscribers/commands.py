"""Commands for the projections of all collections."""

from collections.abc import Sequence

from services.projection.handlers.commands import ModelCommands
from shared.bus.consuming.durable_subscriber import DurableRouter, Pull
from shared.bus.consuming.settling import Settler
from shared.bus.messages.outgoing import Steps
from shared.bus.messages.received_command import ReceivedCommand
from shared.bus.reading.commands import read_command
from shared.bus.registry.durables import PROJECTION_READS_COMMANDS

FOLDED_AT_ONCE = 64


def build_commands_router(settler: Settler, commands: ModelCommands) -> DurableRouter:
    """Bring the commands of every collection, also of those that nobody serves, in order."""
    router = DurableRouter(settler)

    @router.durable(PROJECTION_READS_COMMANDS, "", read_command, Pull(FOLDED_AT_ONCE, 0))
    async def on_commands(received: Sequence[ReceivedCommand]) -> Steps:
        return commands.carry_out(received)

    return router
