"""The rows of events about collections."""

from shared.bus.registry.channel import event_channel
from shared.contracts.collections import CollectionChanged

COLLECTION_CHANGED = event_channel(
    CollectionChanged,
    "discovery",
    "A collection was made, or what is kept of it has changed.",
)
CHANNELS = (COLLECTION_CHANGED,)
