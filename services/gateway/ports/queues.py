"""What waits for the stages."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from services.gateway.ports import StatusBoard


@dataclass(frozen=True, slots=True)
class Queue:
    """What a stage has before it and in hand of a collection, in messages."""

    stage: str
    reads: str
    """What these messages are."""
    waiting: int
    in_hand: int
    settled_to: int
    """Up to which place in the stream all is settled: while it stays, the oldest one waits."""


class Board(StatusBoard, Protocol):
    """What the services tell about themselves, and what the bus has for them."""

    async def queues(self, collection: str) -> Sequence[Queue]:
        """Return what waits for each stage; one that does not read the collection yet is left out.

        Raises:
            BusAway: The bus did not answer.
        """
        ...
