"""Reads what writing tells of the batches that it stores."""

from pydantic import ValidationError

from shared.bus.messages.received import Delivery
from shared.contracts.writing import WritingSettled
from shared.errors import InvalidMessage


def read_settled(delivery: Delivery) -> WritingSettled:
    """Read what became of batches.

    Raises:
        InvalidMessage: It is none.
    """
    try:
        return WritingSettled.model_validate_json(delivery.body)
    except ValidationError as error:
        raise InvalidMessage(f"the event cannot be read: {error}") from error
