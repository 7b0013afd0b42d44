"""Asks every service for what it tells about itself, over NATS service discovery."""

import asyncio
import json
from collections.abc import Collection
from contextlib import suppress

from nats.aio.client import Client
from nats.aio.msg import Msg

from shared.bus.connection import user_of
from shared.bus.registry.users import GATEWAY, OTHERS
from shared.contracts.status_reading import read_status
from shared.contracts.statuses import Status

PREFIX = "mapstream-"
STATS = "$SRV.STATS"
PATIENCE_S = 2.0


def status_subject(service: str) -> str:
    """Return where a service, or ``*``, answers with its status."""
    return f"mapstream.status.{service}"


def questions(client: Client) -> tuple[str, ...]:
    """Return where this user asks all services for their figures.

    The gateway is asked itself, in its own account; from there it asks the others.
    """
    return (STATS, to_others(STATS)) if user_of(client) == GATEWAY else (STATS,)


def to_others(subject: str) -> str:
    """Return how a service that is asked at a subject asks the others there."""
    return f"{OTHERS}.{subject.removeprefix('$SRV.')}"


async def collect(
    client: Client, *, wait_s: float = 0.3, awaited: Collection[str] = ()
) -> dict[str, list[Status]]:
    """Ask every service for its status and return the answers of ``wait_s`` seconds.

    Args:
        client: The connection.
        wait_s: How long answers are taken.
        awaited: Services that should be there: one that does not answer in time has
            ``PATIENCE_S`` more, as its machine may have much to do.

    Returns:
        Service name to the statuses of its instances.

    Raises:
        NatsError: The server cannot be reached.
    """
    found: dict[str, list[Status]] = {}
    is_complete = asyncio.Event()

    async def take(message: Msg) -> None:
        if not message.data:  # the server says that nobody is there
            return
        name, statuses = _read(message.data)
        if name and statuses:
            found.setdefault(name, []).extend(statuses)
        if found.keys() >= set(awaited):
            is_complete.set()

    inbox = client.new_inbox()
    subscription = await client.subscribe(inbox, cb=take)
    try:
        for subject in questions(client):
            await client.publish(subject, b"", reply=inbox)
        await asyncio.sleep(wait_s)
        if not found.keys() >= set(awaited):
            with suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE_S):
                    await is_complete.wait()
    finally:
        await subscription.unsubscribe()
    return found


def _read(body: bytes) -> tuple[str, list[Status]]:
    """Read who answers and what it tells; nothing of what is no answer of ours."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return "", []
    name = answer.get("name") if isinstance(answer, dict) else None
    if not isinstance(name, str) or not name.startswith(PREFIX):
        return "", []
    service = name.removeprefix(PREFIX)
    endpoints = answer.get("endpoints")
    told = [
        read_status(service, one["data"])
        for one in (endpoints if isinstance(endpoints, list) else ())
        if isinstance(one, dict) and isinstance(one.get("data"), dict)
    ]
    return service, told
