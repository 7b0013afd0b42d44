"""Gives a command to a service and waits for its answer."""

from uuid import uuid4

from shared.bus.connection import BUS_ERRORS, Client
from shared.bus.request import AnswersOnTheBus, CommandSender, request
from shared.contracts.answers import Answer
from shared.contracts.base import Command
from shared.errors import BusAway, TransientError


async def ask(
    client: Client, collection: str, command: Command, *, timeout_s: float | None
) -> Answer:
    """Publish a command and wait for its answer.

    Returns:
        What has been told when the answer was complete or the time was up.

    Raises:
        TransientError: The bus did not take the command.
    """
    try:
        return await request(
            command.model_copy(update={"correlation_id": f"cli:{uuid4()}"}),
            collection,
            sender=CommandSender(client),
            events=AnswersOnTheBus.of(client, type(command), collection),
            timeout_s=timeout_s,
        )
    except (BusAway, *BUS_ERRORS) as error:
        raise TransientError(
            f"the bus does not take the command: {error or type(error).__name__}; "
            "are its streams declared? (mapstream streams apply)"
        ) from error
