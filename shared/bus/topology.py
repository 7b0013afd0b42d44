"""Declares the streams and the durable consumers: by one command, never by a service."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

import structlog
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import AccountInfo, StreamConfig
from nats.js.errors import APIError, NotFoundError, ServiceUnavailableError

from shared.bus.connection import BUS_ERRORS
from shared.bus.consumers import consumer_config, told
from shared.bus.fitness import lasting
from shared.bus.registry.durables import (
    DURABLES,
    Durable,
)
from shared.bus.registry.streams import REMEDY, STREAMS, Stream
from shared.bus.restored import remove_restored
from shared.errors import ConfigurationError, TransientError
from shared.observability import metrics
from shared.settings import ACK_WAIT_S
from shared.waits import WAITS

log = structlog.get_logger(__name__)
POLL_S = 0.5
REMIND_EVERY = 120
"""Tries to find a missing consumer between two reminders: a minute of them."""
LOOKS_FOR_LEADER, LOOKS_AT_STORE, LOOK_AGAIN_S = 12, 8, 0.5
"""A new cluster takes a moment for its leader; and its members, which tell what they store every
1.5 s, for theirs: counted from the leader's first answer, since it knows nothing before."""
NO_LEADER = (
    "JetStream does not work: it is off, or the servers of the cluster have no leader; more "
    "than half of them must be up and reach each other"
)
FOREIGN_STORE = (
    "the server keeps {size:,} bytes of streams that it does not know: the store of a single "
    "server was started as the member of a cluster, which removes them half a minute after its "
    "start. Nothing was changed here. Stop it now, start it alone again, then export and import "
    "the streams: docs/deploy.md, From one server to a cluster, and back"
)


async def apply_topology(
    js: JetStreamContext,
    collections: Iterable[str],
    *,
    streams: Iterable[Stream] = STREAMS,
    replicas: int = 1,
    ack_wait_s: float = ACK_WAIT_S,
    is_clustered: bool = False,
) -> None:
    """Create or update every stream, and every durable consumer of these collections.

    What a server that was killed has restored, although it was settled, is removed.

    Raises:
        ConfigurationError: A stream of that name exists and cannot become what the table says, or
            the server or the account does not allow what is asked, or knows not what it stores.
        NatsError: The server did not answer, or cannot do it now.
        TransientError: The servers of a cluster have no leader.
    """
    with told("JetStream"):
        await require_known_store(js, is_clustered=is_clustered)
    for stream in streams:
        with told(f"stream {stream.name}"):
            await _declare(js, stream, replicas)
    for collection in collections:
        for durable in DURABLES:
            config = consumer_config(durable, collection, ack_wait_s)
            with told(f"consumer {durable.name(collection)}"):
                await js.add_consumer(durable.stream, config)
    with told("what a killed server restored"):
        await remove_restored(js, streams)


async def held_bytes(js: JetStreamContext, streams: Iterable[Stream]) -> dict[str, int]:
    """Ask how much each stream holds that exists.

    Raises:
        NatsError: The server did not answer.
    """
    held = {}
    for stream in streams:
        with suppress(NotFoundError):
            held[stream.name] = (await js.stream_info(stream.name)).state.bytes or 0
    return held


async def _declare(js: JetStreamContext, stream: Stream, replicas: int) -> None:
    """Create or update a stream, and throw nothing away that it holds.

    A bound per subject that is there already stays. A new one is only given while no subject is
    half full, since messages may come between the look and the change.
    """
    try:
        info = await js.stream_info(stream.name, subjects_filter=">")
    except NotFoundError:
        await js.add_stream(stream.config(replicas=replicas))
        return
    held = 0 if is_bounded(info.config, stream) else max((info.state.subjects or {"": 0}).values())
    config = stream.config(replicas=replicas, fullest=held)
    if stream.max_per_subject and not config.discard_new_per_subject:
        log.warning(
            "stream.unbounded",
            stream=stream.name,
            held=held,
            bound=stream.max_per_subject,
            remedy=f"apply the streams again when less than {stream.max_per_subject // 2} "
            "messages of each collection wait in it",
        )
    await js.update_stream(config)


def is_bounded(config: StreamConfig, stream: Stream) -> bool:
    """Tell whether a stream already refuses at the bound for a subject that the table gives."""
    most = config.max_msgs_per_subject
    return bool(
        stream.max_per_subject
        and config.discard_new_per_subject
        and 0 < most <= stream.max_per_subject
    )


def may_be_clustered(client: Client) -> bool:
    """Tell whether the server has told of others, or of other addresses of its own."""
    return bool(client.discovered_servers)


async def require_known_store(js: JetStreamContext, *, is_clustered: bool) -> None:
    """Require that the server knows what is in its store, before anything is declared.

    A server that was alone and becomes the member of a cluster keeps its files, but the cluster
    knows none of its streams. Declared anew, they would begin empty on the others, and whichever
    of those leads would have the files emptied too.

    Raises:
        APIError: The server does not allow JetStream.
        ConfigurationError: It does not know what it stores.
        TransientError: The servers of a cluster have no leader.
    """
    unanswered = LOOKS_FOR_LEADER if is_clustered else 1
    empty = LOOKS_AT_STORE if is_clustered else 1
    while True:
        told = await _account(js, is_last=unanswered == 1)
        if told is None:
            unanswered -= 1
        elif told.streams:
            return
        elif told.storage:
            raise ConfigurationError(FOREIGN_STORE.format(size=told.storage))
        else:
            empty -= 1
        if not empty:
            return
        await asyncio.sleep(LOOK_AGAIN_S)


async def _account(js: JetStreamContext, *, is_last: bool) -> AccountInfo | None:
    """Ask what the account has; nothing if that cannot be told yet."""
    try:
        return await js.account_info()
    except (ServiceUnavailableError, TimeoutError) as error:
        if isinstance(error, APIError) and lasting("JetStream", error):
            raise
        if is_last:
            raise TransientError(NO_LEADER) from error
        return None


@dataclass(frozen=True, slots=True)
class Backlog:
    """How much a durable consumer has before it and in hand, in messages."""

    waiting: int
    in_hand: int
    settled_to: int = 0
    """Place in the stream up to which all is settled: while it stays, the oldest message does."""
    born: datetime | None = None
    """When the consumer was created: another one of its name knows nothing of the first."""

    @property
    def total(self) -> int:
        """Messages that are not settled."""
        return self.waiting + self.in_hand


async def backlog(js: JetStreamContext, durable: Durable, collection: str) -> Backlog:
    """Ask the server what a durable consumer has left.

    Raises:
        NotFoundError: The stream or the consumer does not exist.
        NatsError: The server did not answer.
    """
    info = await js.consumer_info(durable.stream, durable.name(collection))
    floor = info.ack_floor.stream_seq if info.ack_floor else 0
    return Backlog(info.num_pending or 0, info.num_ack_pending or 0, floor, info.created)


async def measure_backlog(js: JetStreamContext, durable: Durable, collection: str) -> Backlog:
    """Note in the metrics what a durable consumer has left, and return it.

    Raises:
        NotFoundError: The stream or the consumer does not exist.
        NatsError: The server did not answer.
    """
    left = await backlog(js, durable, collection)
    labels = {
        "stage": durable.service,
        "collection": collection if durable.is_per_collection else "",
        "durable": durable.name(collection),
    }
    metrics.PENDING.set(left.waiting, **labels)
    metrics.UNACKNOWLEDGED.set(left.in_hand, **labels)
    return left


async def total_backlog(
    js: JetStreamContext, durables: Iterable[Durable], collections: Iterable[str]
) -> int | None:
    """Add up what durable consumers have left; None if the server does not tell."""
    total = 0
    pairs = [(durable, name) for durable in durables for name in collections]
    for durable, name in pairs:
        try:
            total += (await backlog(js, durable, name)).total
        except BUS_ERRORS:
            return None
    return total


async def wait_for_durables(
    js: JetStreamContext,
    durables: Iterable[Durable],
    collections: Iterable[str],
    *,
    on_missing: Callable[[str], None],
    on_failure: Callable[[Exception], None] = lambda _: None,
) -> dict[tuple[Durable, str], datetime]:
    """Return when all durable consumers exist; tell of each that does not, and why, now and then.

    Args:
        js: The server.
        durables: The consumers.
        collections: For each of these.
        on_missing: Told now and then of a consumer that is not to be had, and why.
        on_failure: Told of each failure but a missing consumer; what it raises ends the waiting.

    Returns:
        Each with its collection to when it was created.
    """
    births: dict[tuple[Durable, str], datetime] = {}
    for collection in collections:
        for durable in durables:
            name = f"{durable.stream}/{durable.name(collection)}"
            tries = 0
            with WAITS.trying(f"durable consumer {name}") as trial:
                while isinstance(born := await _birth(js, durable, collection), Exception):
                    if not isinstance(born, NotFoundError):
                        on_failure(born)
                    why = _why(born)
                    trial.failed(why)
                    if tries % REMIND_EVERY == 0:
                        on_missing(f"durable consumer {name} {why}")
                    tries += 1
                    await asyncio.sleep(POLL_S)
            births[durable, collection] = born
    return births


async def _birth(js: JetStreamContext, durable: Durable, collection: str) -> datetime | Exception:
    try:
        born = (await backlog(js, durable, collection)).born
    except BUS_ERRORS as error:
        return error
    return born or NotFoundError(description="it has no time of creation")


def _why(error: Exception) -> str:
    if isinstance(error, NotFoundError):
        return f"is missing: {REMEDY}"
    if isinstance(error, ServiceUnavailableError):
        return f"cannot be asked for: {NO_LEADER}"
    if isinstance(error, TimeoutError):  # that of nats-py is one
        return "cannot be asked for in time: the server has much to do, or its cluster no leader"
    return f"cannot be asked for, the bus does not answer: {error!r}"
