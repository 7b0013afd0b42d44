"""Declares the streams and the durable consumers: by one command, never by a service."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig
from nats.js.errors import APIError, NotFoundError

from shared.bus.durables import (
    DURABLES,
    Durable,
)
from shared.bus.streams import STREAMS
from shared.errors import ConfigurationError
from shared.observability import metrics
from shared.settings import ACK_WAIT_S

REMEDY = "create it with: mapstream streams apply"
POLL_S = 0.5
BUS_ERRORS = (NatsError, TimeoutError, OSError)
"""What asking an absent or a forgetful server may raise."""


async def apply_topology(
    js: JetStreamContext,
    collections: Iterable[str],
    *,
    replicas: int = 1,
    ack_wait_s: float = ACK_WAIT_S,
) -> None:
    """Create or update every stream, and every durable consumer of these collections.

    Raises:
        ConfigurationError: A stream of that name exists and cannot become what the table says.
    """
    for stream in STREAMS:
        config = stream.config(replicas=replicas)
        try:
            await js.stream_info(stream.name)
            await js.update_stream(config)
        except NotFoundError:
            await js.add_stream(config)
        except APIError as error:
            raise ConfigurationError(f"stream {stream.name}: {error.description}") from error
    for collection in collections:
        for durable in DURABLES:
            config = consumer_config(durable, collection, replicas, ack_wait_s)
            await js.add_consumer(durable.stream, config)


def consumer_config(
    durable: Durable, collection: str, replicas: int = 1, ack_wait_s: float = ACK_WAIT_S
) -> ConsumerConfig:
    """Describe a durable consumer to the server.

    The server's own limit on deliveries stays off: when it is reached a message is lost without a
    trace, so the middleware counts and buries instead.
    """
    subjects = durable.subjects(collection)
    single = len(subjects) == 1
    return ConsumerConfig(
        durable_name=durable.name(collection),
        filter_subject=subjects[0] if single else None,
        filter_subjects=None if single else subjects,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=ack_wait_s,
        max_deliver=-1,
        max_ack_pending=durable.max_ack_pending,
        num_replicas=replicas,
    )


@dataclass(frozen=True, slots=True)
class Backlog:
    """How much a durable consumer has before it and in hand, in messages."""

    waiting: int
    in_hand: int
    settled_to: int = 0
    """Place in the stream up to which all is settled: while it stays, the oldest message does."""

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
    return Backlog(info.num_pending or 0, info.num_ack_pending or 0, floor)


async def measure_backlog(js: JetStreamContext, durable: Durable, collection: str) -> None:
    """Note in the metrics what a durable consumer has left.

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
) -> None:
    """Return when all durable consumers exist; tell once for each that is missing."""
    told: set[str] = set()
    for collection in collections:
        for durable in durables:
            while not await _exists(js, durable, collection):
                name = f"{durable.stream}/{durable.name(collection)}"
                if name not in told:
                    on_missing(f"durable consumer {name} is missing: {REMEDY}")
                told.add(name)
                await asyncio.sleep(POLL_S)


async def _exists(js: JetStreamContext, durable: Durable, collection: str) -> bool:
    try:
        await js.consumer_info(durable.stream, durable.name(collection))
    except BUS_ERRORS:
        return False
    return True
