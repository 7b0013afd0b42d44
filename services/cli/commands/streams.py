"""``mapstream streams``: declares the streams and durable consumers, and shows them."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from services.cli.commands.connection import connected
from services.cli.settings import BusOptions, CliSettings
from shared.bus.accounts import nats_accounts
from shared.bus.connection import BusError, Client, NotDeclared, jetstream, user_of
from shared.bus.fitness import require_fit_server, require_jetstream
from shared.bus.reading.stream_figures import consumer_figures, stream_figures
from shared.bus.registry.channel import BYTES, check_collection
from shared.bus.registry.channels import CHANNELS
from shared.bus.registry.streams import REMEDY, STREAMS, streams_of
from shared.bus.registry.users import APART, STREAMS_USER
from shared.bus.topology import apply_topology, may_be_clustered
from shared.contracts.batches import ARROW
from shared.errors import ConfigurationError, TransientError
from shared.settings import NatsSection

MIB = 1 << 20
BODIES = {ARROW: "Arrow IPC stream", BYTES: "original bytes"}
NUMBERS = {"messages", "MiB", "limit MiB", "waiting", "in hand"}


async def apply(
    options: BusOptions, settings: CliSettings, collections: Sequence[str], *, replicas: int
) -> None:
    """Create or update every stream, and the durable consumers of these collections.

    Raises:
        ConfigurationError: A name is wrong, a stream cannot become what the table says, or the
            server is not fit for it.
        TransientError: The server cannot be reached.
    """
    for collection in collections:
        check_collection(collection)
    async with connected(options, settings.nats) as client:
        await require_able(client)
        try:
            await apply_topology(
                jetstream(client, timeout_s=20),
                collections,
                streams=streams_of(settings.retention),
                replicas=replicas,
                ack_wait_s=settings.nats.ack_wait_s,
                is_clustered=may_be_clustered(client),
            )
        except BusError as error:
            raise TransientError(f"the server does not take the streams: {error}") from error
    names = ", ".join(stream.name for stream in STREAMS)
    console = Console(highlight=False)
    console.print(f"streams: {names}\ndurable consumers for: {', '.join(collections)}")


async def require_able(client: Client) -> None:
    """Refuse at once what this server, or its user, can never do.

    Raises:
        ConfigurationError: The user may not declare streams, or the server is not fit for them.
    """
    require_right(client)
    require_fit_server(client)
    await require_jetstream(client)


def require_right(client: Client) -> None:
    """Refuse at once what the server would only leave unanswered.

    Raises:
        ConfigurationError: The user may not declare streams.
    """
    if (user := user_of(client)) in APART:
        raise ConfigurationError(
            f"user '{user}' may not declare streams: set nats.user to '{STREAMS_USER}'"
        )


async def show(options: BusOptions, section: NatsSection, collections: Sequence[str]) -> None:
    """Print what the streams hold and what their consumers have left.

    Raises:
        TransientError: The server cannot be reached, or the streams do not exist.
    """
    async with connected(options, section) as client:
        js = jetstream(client, timeout_s=5)
        try:
            streams = [await stream_figures(js, stream) for stream in STREAMS]
            consumers = await consumer_figures(js, collections)
        except NotDeclared as error:
            raise TransientError(f"{error.description}; {REMEDY}") from error
        except BusError as error:
            raise TransientError(f"the server does not answer: {error}") from error
    if options.is_json:
        sys.stdout.write(json.dumps({"streams": streams, "consumers": consumers}) + "\n")
        return
    console = Console(highlight=False)
    console.print(_table_of_streams(streams))
    console.print()
    console.print(_table_of_consumers(consumers))


def _table_of_streams(streams: Sequence[Mapping[str, Any]]) -> Table:
    table = _table("stream", "messages", "MiB", "limit MiB", "subjects")
    for one in streams:
        size, limit = f"{one['bytes'] / MIB:.1f}", f"{one['max_bytes'] / MIB:.0f}"
        subjects = "\n".join(one["subjects"])
        table.add_row(one["stream"], f"{one['messages']:,}", size, limit, subjects)
    return table


def _table_of_consumers(consumers: Sequence[Mapping[str, Any]]) -> Table:
    table = _table("durable consumer", "waiting", "in hand", "stream")
    for one in consumers:
        waiting, in_hand = f"{one['waiting']:,}", f"{one['in_hand']:,}"
        table.add_row(one["consumer"], waiting, in_hand, one["stream"])
    return table


def _table(*names: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in names:
        table.add_column(name, justify="right" if name in NUMBERS else "left")
    return table


def permissions() -> str:
    """Return the users of nats.conf."""
    return nats_accounts()


def table() -> str:
    """Return the map of subjects as a Markdown table, made from the table of channels."""
    lines = ["| subject | stream | from | to | body | what |", "|---|---|---|---|---|---|"]
    for channel in CHANNELS:
        body = channel.contract.__name__ if channel.contract else BODIES[channel.content_type]
        publishers = ", ".join((channel.producer, *channel.also_from))
        lines.append(
            f"| `{channel.family}.<collection>` | {channel.stream} | {publishers} "
            f"| {', '.join(channel.consumers)} | {body} | {channel.about} |"
        )
    return "\n".join(lines)
