"""The row of the event about the regions of a map."""

from shared.bus.registry.channel import event_channel
from shared.contracts.labels import MapLabels

MAP_LABELS = event_channel(
    MapLabels,
    "labels",
    "The regions of the map were named by the words that tell them apart.",
)
CHANNELS = (MAP_LABELS,)
