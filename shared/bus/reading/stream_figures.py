"""What the streams hold, and what their durable consumers have left."""

from collections.abc import Sequence
from typing import Any

from shared.bus.connection import JetStream
from shared.bus.registry.durables import DURABLES
from shared.bus.registry.streams import Stream
from shared.bus.topology import backlog


async def stream_figures(js: JetStream, stream: Stream) -> dict[str, Any]:
    """Ask what a stream holds.

    Raises:
        NotDeclared: It does not exist.
        BusError: The server did not answer.
    """
    info = await js.stream_info(stream.name)
    return {
        "stream": stream.name,
        "messages": info.state.messages,
        "bytes": info.state.bytes,
        "max_bytes": info.config.max_bytes or 0,
        "subjects": list(stream.subjects),
    }


async def consumer_figures(js: JetStream, collections: Sequence[str]) -> list[dict[str, Any]]:
    """Ask what every durable consumer of these collections has left, each once.

    Raises:
        NotDeclared: One of them does not exist.
        BusError: The server did not answer.
    """
    named = {
        durable.name(collection): (durable, collection)
        for collection in collections
        for durable in DURABLES
    }
    found = []
    for name, (durable, collection) in named.items():
        left = await backlog(js, durable, collection)
        in_it = {"stream": durable.stream, "waiting": left.waiting, "in_hand": left.in_hand}
        found.append({"consumer": name, **in_it})
    return found
