"""``mapstream streams export`` and ``import``: move everything on the bus to another server.

From a single server to a cluster or back: neither takes the store of the other. A server that is
started on one anyway has streams that the cluster does not know, or some that it cannot read.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from services.cli.commands.connection import connected
from services.cli.commands.streams import require_able, require_right
from services.cli.settings import BusOptions, CliSettings
from shared.bus.connection import BusError, NotDeclared, jetstream
from shared.bus.reading.snapshot_checks import busy, counts, counts_of, is_there, require_quiet
from shared.bus.reading.snapshots import export_stream, import_stream, read_about
from shared.bus.registry.channel import check_collection
from shared.bus.registry.streams import REMEDY, STREAMS, streams_of
from shared.bus.topology import apply_topology, may_be_clustered, require_known_store
from shared.errors import ConfigurationError, TransientError

COMPLETE = "streams.json"
"""Written last: what the folder holds copies of."""
LOST = (BusError, ConnectionError, TimeoutError)
"""Errors of the connection; other errors of the system are those of the folder."""


async def export(options: BusOptions, settings: CliSettings, folder: Path) -> None:
    """Copy every stream, with the places of its consumers, into a new folder.

    Raises:
        ConfigurationError: The folder is not empty or cannot be written, services are at work, or
            a stream is missing.
        TransientError: The server cannot be reached, or does not give everything.
    """
    _make(folder)
    console = Console(highlight=False)
    async with connected(options, settings.nats) as client:
        require_right(client)
        js = jetstream(client, timeout_s=20)
        try:
            await require_quiet(js)
            for stream in STREAMS:
                state = await export_stream(client, stream.name, folder)
                after = await counts(js, stream.name)
                if counts_of(state) != after:
                    raise ConfigurationError(busy(f"{stream.name} still changes"))
                console.print(f"{stream.name}: {state['messages']:,} messages")
            names = [stream.name for stream in STREAMS]
            (folder / COMPLETE).write_text(json.dumps(names) + "\n")
        except NotDeclared as error:
            raise ConfigurationError(f"{error.description}: {REMEDY}") from error
        except LOST as error:
            raise TransientError(f"the server does not answer: {error}") from error
        except OSError as error:
            raise _unwritable(folder, error) from error
    console.print(f"complete in {folder}; keep the services stopped until it is imported")


async def restore(
    options: BusOptions,
    settings: CliSettings,
    folder: Path,
    collections: Sequence[str],
    *,
    replicas: int,
) -> None:
    """Make the streams of a folder on a server that has none of them, then declare the rest.

    A stream that is there already, as it is in the folder, is left alone: an import that was
    interrupted can be repeated.

    Raises:
        ConfigurationError: The folder is not complete, or the server has other streams.
        TransientError: The server cannot be reached, or does not take everything.
    """
    for collection in collections:
        check_collection(collection)
    wanted = {name: read_about(folder, name)["state"] for name in _names(folder)}
    console = Console(highlight=False)
    async with connected(options, settings.nats) as client:
        await require_able(client)
        js, is_clustered = jetstream(client, timeout_s=20), may_be_clustered(client)
        try:
            await require_known_store(js, is_clustered=is_clustered)
            there = [name for name, state in wanted.items() if await is_there(js, name, state)]
            for name in wanted.keys() - there:
                state = await import_stream(client, name, folder, replicas=replicas)
                if counts_of(state) != counts_of(wanted[name]):
                    raise TransientError(f"{name} is not what was exported: {state}")
                console.print(f"{name}: {state['messages']:,} messages")
            await apply_topology(
                js,
                collections,
                streams=streams_of(settings.retention),
                replicas=replicas,
                ack_wait_s=settings.nats.ack_wait_s,
                is_clustered=is_clustered,
            )
        except LOST as error:
            raise TransientError(f"the server does not take the streams: {error}") from error
        except OSError as error:
            where = error.filename or folder
            raise ConfigurationError(f"{where}: cannot be read: {error.strerror}") from error
    console.print(f"all of {folder} is there, with {replicas} copies; start the services")


def _make(folder: Path) -> None:
    """Make a folder that only its owner may read: there is text of records in it."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        is_empty = not any(folder.iterdir())
    except OSError as error:
        raise _unwritable(folder, error) from error
    if not is_empty:
        raise ConfigurationError(f"{folder}: is not empty; name a new folder")


def _unwritable(folder: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError(f"{folder}: cannot be written: {error.strerror}")


def _names(folder: Path) -> list[str]:
    try:
        names = json.loads((folder / COMPLETE).read_text())
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"{folder}: holds no complete export (no {COMPLETE}): {error}"
        ) from error
    return [str(name) for name in names]
