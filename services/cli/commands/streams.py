"""``mapstream streams``: declares the streams and durable consumers, and shows them."""

from collections.abc import Sequence

import nats
from nats.errors import Error as NatsError
from rich.console import Console
from rich.table import Table

from shared.bus.channels import CHANNELS, DURABLES, check_collection
from shared.bus.streams import STREAMS
from shared.bus.topology import apply_topology, backlog
from shared.errors import TransientError

MIB = 1 << 20


async def apply(url: str, collections: Sequence[str], *, replicas: int) -> None:
    """Create or update every stream, and the durable consumers of these collections.

    Raises:
        ConfigurationError: A name is wrong, or a stream cannot become what the table says.
        TransientError: The server cannot be reached.
    """
    for collection in collections:
        check_collection(collection)
    client = await _connect(url)
    try:
        await apply_topology(client.jetstream(timeout=20), collections, replicas=replicas)
    finally:
        await client.close()
    names = ", ".join(stream.name for stream in STREAMS)
    Console().print(f"streams: {names}; durable consumers for: {', '.join(collections)}")


async def show(url: str, collections: Sequence[str]) -> None:
    """Print what the streams hold and what their consumers have left.

    Raises:
        TransientError: The server cannot be reached, or the streams do not exist.
    """
    client = await _connect(url)
    try:
        js = client.jetstream(timeout=5)
        streams = Table("stream", "messages", "MiB", "limit MiB", "subjects")
        for stream in STREAMS:
            state = (await js.stream_info(stream.name)).state
            subjects = " ".join(stream.subjects)
            size, limit = f"{state.bytes / MIB:.1f}", f"{stream.max_bytes / MIB:.0f}"
            streams.add_row(stream.name, str(state.messages), size, limit, subjects)
        consumers = Table("durable consumer", "stream", "waiting", "in hand")
        for collection in collections:
            for durable in DURABLES:
                left = await backlog(js, durable, collection)
                name = durable.name(collection)
                consumers.add_row(name, durable.stream, str(left.waiting), str(left.in_hand))
    except NatsError as error:
        raise TransientError(f"{error}; declare them with: mapstream streams apply") from error
    finally:
        await client.close()
    console = Console()
    console.print(streams)
    console.print(consumers)


def table() -> str:
    """Return the map of subjects as a Markdown table, made from the table of channels."""
    lines = ["| subject | stream | from | to | body | what |", "|---|---|---|---|---|---|"]
    for channel in CHANNELS:
        body = channel.contract.__name__ if channel.contract else channel.content_type
        lines.append(
            f"| `{channel.family}.<collection>` | {channel.stream} | {channel.producer} "
            f"| {', '.join(channel.consumers)} | {body} | {channel.about} |"
        )
    return "\n".join(lines)


async def _connect(url: str) -> nats.NATS:
    try:
        return await nats.connect(url, connect_timeout=3, allow_reconnect=False)
    except (NatsError, OSError) as error:
        raise TransientError(f"no NATS server answers at {url}: {error}") from error
