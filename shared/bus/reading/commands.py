"""Reads a command as it came from the bus."""

from shared.bus.messages.received import Delivery
from shared.bus.registry.channel import is_collection, split_subject
from shared.contracts.base import Command
from shared.contracts.commands import COMMANDS
from shared.contracts.reading import Unreadable, parse_command
from shared.errors import InvalidMessage

CONTRACTS: dict[str, type[Command]] = {contract.family: contract for contract in COMMANDS}


def command_in(delivery: Delivery) -> tuple[str, Command | Unreadable]:
    """Return the collection that a command is for, and the command by its contract.

    Raises:
        InvalidMessage: Its subject's last token can be no collection: nobody could be answered.
    """
    family, collection = split_subject(delivery.subject)
    if not is_collection(collection):
        raise InvalidMessage(f"'{collection}' cannot name a collection")
    return collection, parse_command(CONTRACTS[family], delivery.body)
