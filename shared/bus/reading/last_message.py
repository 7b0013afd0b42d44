"""Reads what a stream remembers, without consuming it."""

import structlog
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from shared.bus.registry.channel import Channel

log = structlog.get_logger(__name__)


async def last_message(js: JetStreamContext, channel: Channel, collection: str) -> bytes | None:
    """Return the body of a collection's newest message; none if the bus has or tells none."""
    subject = channel.subject(collection)
    try:
        message = await js.get_last_msg(channel.stream, subject)
    except NotFoundError:
        return None
    except (NatsError, TimeoutError) as error:
        log.warning("history.unknown", subject=subject, error=repr(error))
        return None
    return message.data or b""
