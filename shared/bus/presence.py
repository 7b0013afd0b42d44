"""Ends a service whose durable consumers are gone: the bus has lost what it had."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime

import structlog
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from shared.bus.broker import Bus
from shared.bus.registry.durables import DURABLES, Durable
from shared.bus.registry.streams import REMEDY
from shared.bus.topology import Backlog, backlog, measure_backlog, wait_for_durables
from shared.errors import BeginAnew
from shared.waits import WAITS

EXIT_DURABLE_GONE = 71
WATCH_S = 5.0
JETSTREAM = "asking JetStream"
WAITING = "waiting"
OF_ALL = ""
"""Stands for all collections together."""
log = structlog.get_logger(__name__)
Births = Mapping[tuple[Durable, str], datetime]
"""When each consumer was created, by itself and its collection."""


class ConsumerGoneError(BeginAnew):
    """A durable consumer is not the one that it was: the process ends, and begins anew."""


async def watch_durables(
    js: JetStreamContext,
    births: Births,
    is_stopping: Callable[[], bool],
    *,
    service: str,
) -> None:
    """Go on until a durable consumer was deleted, even if there is one of its name again.

    Then the bus has lost its data. What a service told only there, as projection its model to
    writing, it tells again when it starts.

    Args:
        js: The server.
        births: When each consumer was created, by itself and its collection.
        is_stopping: Tells that the service ends anyway.
        service: Notes in its metrics what its own consumers have left.

    Raises:
        ConsumerGoneError: One was.
    """
    while not is_stopping():
        await asyncio.sleep(WATCH_S)
        for (durable, collection), born in births.items():
            ask = measure_backlog if durable.service == service else backlog
            await _require(ask(js, durable, collection), durable, collection, born)


async def _require(
    answer: Awaitable[Backlog], durable: Durable, collection: str, born: datetime
) -> None:
    try:
        is_same = (await answer).born == born
    except NotFoundError:
        is_same = False
    except Exception as error:  # noqa: BLE001  the server is away: that is waited for elsewhere
        log.debug("watch.failed", error=repr(error))
        WAITS.failed(JETSTREAM, error)
        return
    WAITS.over(JETSTREAM)
    if not is_same:
        name = durable.name(collection)
        log.error("stream.gone", stream=durable.stream, consumer=name, remedy=REMEDY)
        raise ConsumerGoneError(f"{durable.stream}/{name}")


async def wait_for_consumers(
    bus: Bus, durables: Iterable[Durable], of: str, tell: Callable[[str], None]
) -> Births:
    """Return when the durable consumers of a collection, or of all together, exist.

    Raises:
        ConfigurationError: The server refuses what is asked.
    """
    tell(WAITING)
    told_once = (one for one in DURABLES if bus.service in one.told_once_by)
    return await wait_for_durables(
        bus.js,
        [one for one in (*durables, *told_once) if one.is_per_collection == (of != OF_ALL)],
        (of,),
        on_missing=lambda text: log.error("stream.missing", remedy=text),
        on_failure=bus.require_welcome,
    )
