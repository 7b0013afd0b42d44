"""Finds the bus that a command is for, and connects to it."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress

from services.cli.settings import DEFAULT_OUTPUT, BusOptions
from shared.bus.client import connect_once
from shared.bus.connection import Client
from shared.bus.fitness import require_jetstream
from shared.errors import TransientError
from shared.settings import NatsSection

URL_FILE = "state/nats.url"
CLIENT_NAME = "mapstream-cli"


@asynccontextmanager
async def connected(options: BusOptions, section: NatsSection) -> AsyncIterator[Client]:
    """Connect to the first bus that answers: the one named, a local run's, the configured one.

    Raises:
        ConfigurationError: It has no JetStream.
        TransientError: None answers; says which were tried.
    """
    tried: list[str] = []
    client = None
    own = local_url(options)
    for url in candidates(options, section):
        try:
            client = await connect_once(
                without_tls(section) if url == own else section, url, name=CLIENT_NAME
            )
            break
        except TransientError as error:
            tried.append(str(error))
    if client is None:
        raise TransientError(_nobody(options, tried))
    try:
        await require_jetstream(client)
        yield client
    finally:
        await client.close()


def candidates(options: BusOptions, section: NatsSection) -> Iterator[str]:
    """List where the bus may be; what was named explicitly is the only one."""
    if options.url:
        yield options.url
        return
    if (own := local_url(options)) is not None:
        yield own
    if options.output is None:
        yield section.url


def local_url(options: BusOptions) -> str | None:
    """Return where the local run in the folder has its bus; none if none is at work."""
    with suppress(OSError):
        return ((options.output or DEFAULT_OUTPUT) / URL_FILE).read_text().strip()
    return None


def without_tls(section: NatsSection) -> NatsSection:
    """Leave out the files for TLS: they are for another server than that of a local run."""
    return section.model_copy(update={"tls_ca": None, "tls_cert": None, "tls_key": None})


def _nobody(options: BusOptions, tried: list[str]) -> str:
    if not tried:
        return f"no run is at work in {options.output}: start one with: mapstream run"
    return (
        f"no NATS server answers at {', nor at '.join(tried)}; start 'mapstream run', or name the "
        "server with --url or a local run's folder with --output"
    )
