"""What is needed of the regions of a map."""

from typing import Protocol

from shared.contracts.labels import MapLabels


class LabelLog(Protocol):
    """What was told of the regions of every map."""

    async def last(self, collection: str) -> MapLabels | None:
        """Return a collection's last labels; nothing if none are known.

        Raises:
            BusAway: The bus did not answer.
        """
        ...
