"""Reads what a stream keeps, without a consumer: the server tells, and notes nothing.

Whoever may make a consumer may have it deliver to any subject, so nobody who only reads may.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from shared.bus.connection import api_prefix
from shared.bus.registry.streams import REMEDY
from shared.errors import BusAway

ANSWER_S = 5.0
STEP_BYTES = 4 << 20
"""What the server sends for one request; a single message may be larger."""
EPOCH = datetime.fromtimestamp(0, UTC)
PENDING, SEQUENCE, PREVIOUS = "Nats-Num-Pending", "Nats-Sequence", "Nats-Last-Sequence"
TIME, SUBJECT = "Nats-Time-Stamp", "Nats-Subject"
NONE, NOBODY, END = "404", "503", "204"
EVERYTHING = ">"


class Disordered(BusAway):
    """Messages were lost on the way; read again from the last good one."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A message as its stream keeps it."""

    sequence: int
    subject: str
    data: bytes
    headers: dict[str, str] = field(default_factory=dict)
    stored_at: datetime = EPOCH


@dataclass(frozen=True, slots=True)
class Piece:
    """Messages in a row, and how many more there are."""

    messages: list[Stored]
    left: int


async def read_piece(client: Client, stream: str, wanted: Mapping[str, Any]) -> Piece:
    """Return some messages of a subject that follow each other.

    Args:
        client: The connection.
        stream: The stream; it must allow direct reads.
        wanted: Where to begin (``seq`` or ``start_time``), how many at most (``batch``; fewer come
            if they are large), and of which subject or wildcard (``next_by_subj``).

    Raises:
        BusAway: The bus did not answer, or has no such stream.
        Disordered: Something was lost on the way.
        NatsError: The connection was lost.
    """
    answers: asyncio.Queue[Msg] = asyncio.Queue()
    inbox = client.new_inbox()
    subscription = await client.subscribe(inbox, cb=answers.put)
    request = {**wanted, "max_bytes": STEP_BYTES}
    try:
        place = f"{api_prefix(client)}.DIRECT.GET.{stream}"
        await client.publish(place, json.dumps(request).encode(), reply=inbox)
        return await _collect(answers, stream)
    finally:
        if client.is_connected:
            with suppress(NatsError, OSError):
                await subscription.unsubscribe()


async def read_last(client: Client, stream: str, subject: str) -> Stored | None:
    """Return the newest message of a subject; nothing if the stream has none.

    Raises:
        BusAway: The bus has no such stream.
        NatsError: The connection was lost, or nobody answered in time.
    """
    place = f"{api_prefix(client)}.DIRECT.GET.{stream}"
    wanted = json.dumps({"last_by_subj": subject}).encode()
    raw = await client.request(place, wanted, timeout=ANSWER_S)
    match (raw.headers or {}).get("Status"):
        case None | "":
            return _stored(raw)
        case str(status) if status == NONE:
            return None
        case status:
            raise BusAway(f"stream {stream} cannot be read: {status}: {REMEDY}")


async def _collect(answers: asyncio.Queue[Msg], stream: str) -> Piece:
    found: list[Stored] = []
    while True:
        async with asyncio.timeout(ANSWER_S):
            raw = await answers.get()
        headers = raw.headers or {}
        last = found[-1].sequence if found else 0
        match headers.get("Status"):
            case None | "":
                if int(headers[PREVIOUS]) != last:
                    raise Disordered(f"stream {stream}: what follows {last} was lost")
                found.append(_stored(raw))
            case str(status) if status == END:
                if int(headers[PREVIOUS]) != last:
                    raise Disordered(f"stream {stream}: what follows {last} was lost")
                return Piece(found, int(headers[PENDING]))
            case str(status) if status == NONE:
                return Piece([], 0)
            case str(status) if status == NOBODY:
                raise BusAway(f"stream {stream} cannot be read: {REMEDY}")
            case status:
                raise BusAway(f"stream {stream}: {status} {headers.get('Description', '')}")


def _stored(raw: Msg) -> Stored:
    headers = dict(raw.headers or {})
    return Stored(int(headers[SEQUENCE]), headers[SUBJECT], raw.data, headers, when(headers[TIME]))


def when(told: str) -> datetime:
    """Return the stored time cut to whole microseconds, as nats-py cuts it for a single read."""
    seconds, _, fraction = told.removesuffix("Z").partition(".")
    whole = datetime.fromisoformat(seconds).replace(tzinfo=UTC)
    return whole + timedelta(microseconds=int(fraction[:6].ljust(6, "0")))


def covering(subjects: Sequence[str]) -> str:
    """Return the narrowest single wildcard that has all these subjects."""
    tokens = [one.split(".") for one in subjects]
    if len({len(one) for one in tokens}) != 1:
        return EVERYTHING
    alike = zip(*tokens, strict=True)
    return ".".join(place[0] if len(set(place)) == 1 else "*" for place in alike)
