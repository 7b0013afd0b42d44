"""The durable consumers of single collections: made and deleted while the system runs."""

import asyncio
import json
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress

from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig
from nats.js.errors import APIError, NotFoundError

from shared.bus.connection import api_prefix
from shared.bus.fitness import lasting
from shared.bus.registry.durables import DURABLES, Durable
from shared.failpoints import Failpoint, reached
from shared.settings import ACK_WAIT_S

DECLARED_AT_ONCE = 16
"""Collections whose consumers are asked for together."""
CREATE_S = 10.0
EXISTS = (10013, 10148)
"""Errors that say that there is a consumer of that name, with other settings."""


async def declare_consumers(
    client: Client, collections: Sequence[str], ack_wait_s: float = ACK_WAIT_S
) -> None:
    """Create what is missing of the durable consumers of these collections; the rest stays.

    Raises:
        ConfigurationError: The server or the account does not allow it.
        NatsError: The server did not answer, or cannot do it now.
        NotFoundError: One of their streams does not exist.
    """
    own = [one for one in DURABLES if one.is_per_collection]
    for start in range(0, len(collections), DECLARED_AT_ONCE):
        some = collections[start : start + DECLARED_AT_ONCE]
        wanted = [_create(client, one, name, ack_wait_s) for name in some for one in own]
        for failure in await _all(wanted):
            raise failure


async def remove_consumers(js: JetStreamContext, collection: str) -> None:
    """Delete all durable consumers of a collection that there are.

    Raises:
        NatsError: The server did not answer.
    """
    for durable in DURABLES:
        if durable.is_per_collection:
            with suppress(NotFoundError):
                await js.delete_consumer(durable.stream, durable.name(collection))
                reached(Failpoint.GOING)


async def _create(client: Client, durable: Durable, collection: str, ack_wait_s: float) -> None:
    name = durable.name(collection)
    place = f"{api_prefix(client)}.CONSUMER.DURABLE.CREATE.{durable.stream}.{name}"
    config = consumer_config(durable, collection, ack_wait_s).as_dict()
    wanted = {"stream_name": durable.stream, "config": config, "action": "create"}
    reply = await client.request(place, json.dumps(wanted).encode(), timeout=CREATE_S)
    error = json.loads(reply.data).get("error")
    if error and error.get("err_code") not in EXISTS:
        with told(f"consumer {name}"):
            APIError.from_error(error)


async def _all(calls: Iterable[Coroutine[None, None, None]]) -> list[BaseException]:
    """Await all to their ends, and return what failed."""
    tasks = [asyncio.ensure_future(one) for one in calls]
    await asyncio.wait(tasks)
    return [failed for one in tasks if (failed := one.exception()) is not None]


@contextmanager
def told(what: str) -> Iterator[None]:
    """Turn an error that comes each time into one that says so.

    Raises:
        ConfigurationError: The server or the account does not allow it.
        NatsError: The server did not answer, or cannot do it now.
    """
    try:
        yield
    except APIError as error:
        if wrong := lasting(what, error):
            raise wrong from error
        raise


def consumer_config(
    durable: Durable, collection: str, ack_wait_s: float = ACK_WAIT_S
) -> ConsumerConfig:
    """Describe a durable consumer to the server; it has as many copies as its stream.

    The server's own limit on deliveries stays off: when it is reached a message is lost without a
    trace, so the services count, and dead-letter, instead.
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
    )
