"""What is published for a collection passes here: it finds its consumers."""

from contextlib import AbstractAsyncContextManager, nullcontext

from services.discovery.handlers.busy import BusyCollections
from shared.bus.messages.outgoing import Outgoing
from shared.bus.registry.durables import DURABLES

READ_BY_COLLECTION = frozenset(
    channel for durable in DURABLES if durable.is_per_collection for channel in durable.channels
)


def pass_gate(busy: BusyCollections, message: Outgoing) -> AbstractAsyncContextManager[None]:
    """Have the collection of a message busy until that is stored, if it is read by collection."""
    if message.channel in READ_BY_COLLECTION:
        return busy.using(message.collection)
    return nullcontext()
