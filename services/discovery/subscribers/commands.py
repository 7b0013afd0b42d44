"""Commands about the sources of all collections, and about their dead letters."""

from collections.abc import Sequence

from services.discovery.handlers.commands import SourceCommands
from shared.bus.consuming.durable_subscriber import DurableRouter, Pull
from shared.bus.consuming.settling import Settler
from shared.bus.messages.outgoing import Steps
from shared.bus.messages.received_command import ReceivedCommand
from shared.bus.reading.commands import read_command
from shared.bus.registry.durables import DISCOVERY_READS_COMMANDS

MAX_MESSAGES = 16


def build_commands_router(settler: Settler, commands: SourceCommands) -> DurableRouter:
    """Bring the commands of every collection, also of those that nobody serves, in order."""
    router = DurableRouter(settler)

    @router.durable(DISCOVERY_READS_COMMANDS, "", read_command, Pull(MAX_MESSAGES, 0))
    async def on_commands(received: Sequence[ReceivedCommand]) -> Steps:
        return commands.carry_out(received)

    return router
