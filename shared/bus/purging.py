"""Takes out of the streams what they have of a collection that is deleted."""

from nats.js import JetStreamContext

from shared.bus.registry.channel import EVENTS
from shared.bus.registry.channels import OF_A_COLLECTION


async def purge_collection(
    js: JetStreamContext, collection: str, *, is_ended: bool = False
) -> None:
    """Remove every message of a collection, but commands and what the audit says of them.

    Args:
        js: The server.
        collection: Its name.
        is_ended: Whether it was deleted before: then the events tell of that, and stay.

    Raises:
        NotFoundError: A stream does not exist.
        NatsError: The server did not answer.
    """
    for channel in OF_A_COLLECTION:
        if not (is_ended and channel.stream == EVENTS):
            await js.purge_stream(channel.stream, subject=channel.subject(collection))
