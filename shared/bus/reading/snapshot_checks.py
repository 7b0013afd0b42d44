"""Whether streams may be copied, and whether a copy is what was copied."""

import asyncio

from shared.bus.connection import JetStream, NotDeclared
from shared.bus.reading.snapshots import State
from shared.bus.registry.streams import STREAMS
from shared.errors import ConfigurationError

COUNTED = ("messages", "last_seq")
"""What of a stream's state says whether two streams hold the same: none is removed and added."""
LOOKS, LOOK_EVERY_S = 5, 0.3


async def require_quiet(js: JetStream) -> None:
    """Require that nobody reads: what is published after the copy would be lost with the server.

    Raises:
        ConfigurationError: Somebody does, or a consumer has a number of copies of its own.
        BusError: The server did not answer.
    """
    for _ in range(LOOKS):
        for stream in STREAMS:
            for consumer in await js.consumers_info(stream.name):
                if consumer.config.durable_name and consumer.num_waiting:
                    raise ConfigurationError(busy(f"{consumer.name} reads {stream.name}"))
                if consumer.config.durable_name and consumer.config.num_replicas:
                    raise ConfigurationError(
                        f"{consumer.name} was declared by an older version; before an export "
                        "declare it again: mapstream streams apply"
                    )
        await asyncio.sleep(LOOK_EVERY_S)


def busy(what: str) -> str:
    """Say what to do while services are at work."""
    return f"services are at work ({what}): stop all of them, the gateway too, then export again"


async def is_there(js: JetStream, name: str, wanted: State) -> bool:
    """Tell whether a stream was imported before.

    Raises:
        ConfigurationError: There is another of its name.
        BusError: The server did not answer.
    """
    try:
        found = await counts(js, name)
    except NotDeclared:
        return False
    if found == counts_of(wanted):
        return True
    raise ConfigurationError(
        f"the server has a stream {name} with {found[0]:,} messages, {wanted['messages']:,} are "
        "to be imported: import into an empty store, before 'mapstream streams apply'"
    )


async def counts(js: JetStream, name: str) -> tuple[int, ...]:
    """Ask how much a stream holds.

    Raises:
        NotDeclared: It does not exist.
        BusError: The server did not answer.
    """
    return counts_of(vars((await js.stream_info(name)).state))


def counts_of(state: State) -> tuple[int, ...]:
    """Return what of a stream's state is compared."""
    return tuple(int(state.get(name) or 0) for name in COUNTED)
