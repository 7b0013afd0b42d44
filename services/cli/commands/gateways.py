"""Finds the gateway that a command talks to over HTTP."""

from pathlib import Path

from services.cli.adapters.http_gateway import Gateway
from services.cli.commands.connection import connected
from services.cli.handlers.statuses import choose_collection, served_collections
from services.cli.settings import BusOptions, CliSettings
from shared.bus.connection import BusError
from shared.bus.status import collect
from shared.contracts.statuses import GatewayStatus
from shared.errors import ConfigurationError, TransientError


async def find_gateway(
    url: str | None, token_file: Path | None, options: BusOptions, settings: CliSettings
) -> tuple[str, Gateway]:
    """Say which collection is meant, and where the gateway is; the bus tells what is not said.

    Raises:
        ConfigurationError: The collection must be chosen, or the token cannot be read.
        TransientError: No gateway tells where it is, or the bus cannot be reached.
    """
    token = _token(token_file)
    if url is not None and options.collection is not None:
        return options.collection, Gateway(url, token)
    async with connected(options, settings.nats) as client:
        try:
            statuses = await collect(client, awaited=("gateway",))
        except BusError as error:
            raise TransientError(f"the bus was lost: {error}") from error
    collection = options.collection
    if collection is None:
        collection = choose_collection(None, served_collections(statuses), settings.collections)
    told = [one for one in statuses.get("gateway", ()) if isinstance(one, GatewayStatus)]
    url = url or next((one.url for one in told if one.url), None)
    if url is None:
        raise TransientError("no gateway tells where it listens; name it with --gateway URL")
    url = url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")
    return collection, Gateway(url, token)


def _token(file: Path | None) -> str | None:
    """Read the token.

    Raises:
        ConfigurationError: The file cannot be read.
    """
    if file is None:
        return None
    try:
        return file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"--token-file {file}: cannot be read: {error}") from error
