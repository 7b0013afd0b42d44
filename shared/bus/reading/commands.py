"""Reads a command as it came from the bus, whichever service it is for."""

from shared.bus.messages.received import Delivery
from shared.bus.messages.received_command import ReceivedCommand
from shared.bus.reading.audit_log import given_by
from shared.bus.registry.channel import is_collection, split_subject
from shared.contracts.base import Command
from shared.contracts.commands import COMMANDS
from shared.contracts.reading import Unreadable, parse_command
from shared.errors import InvalidMessage

CONTRACTS: dict[str, type[Command]] = {contract.family: contract for contract in COMMANDS}


def read_command(delivery: Delivery) -> ReceivedCommand:
    """Read a command; one that cannot be read is answered, not dead-lettered.

    Raises:
        InvalidMessage: Its subject's last token can be no collection: nobody could be answered.
    """
    family, collection = split_subject(delivery.subject)
    if not is_collection(collection):
        raise InvalidMessage(f"'{collection}' cannot name a collection")
    command = parse_command(CONTRACTS[family], delivery.body)
    return ReceivedCommand(
        collection=collection,
        subject=delivery.subject,
        key=delivery.cause,
        cause=command.correlation_id or delivery.cause,
        command=command,
        given=given_by(delivery),
        is_repeated=delivery.deliveries > 1 and not isinstance(command, Unreadable),
    )
