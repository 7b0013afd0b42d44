"""The labels of maps, in memory."""

from shared.contracts.labels import MapLabels


class FakeLabelLog:
    """Tells the last labels of each collection that it was given."""

    def __init__(self, *told: MapLabels) -> None:
        self.told = {one.collection: one for one in told}

    async def last(self, collection: str) -> MapLabels | None:
        return self.told.get(collection)
