"""The rows of events about collections."""

from shared.bus.registry.channel import event_channel
from shared.bus.registry.users import EMBEDDING, GATEWAY, PROJECTION, WRITING
from shared.contracts.collections import CollectionChanged

COLLECTION_CHANGED = event_channel(
    CollectionChanged,
    "discovery",
    "A collection was made, or what is kept of it has changed.",
    heard_by=(EMBEDDING, PROJECTION, WRITING, GATEWAY),
)
CHANNELS = (COLLECTION_CHANGED,)
