"""Pulls messages of a durable consumer: many at once, surviving restarts of the server.

FastStream and nats-py pull batches with ``fetch``, which drops messages on the floor when one
call's request is answered into the next: they come back only after ``ack_wait``. Here one standing
inbox takes all answers, and the number of requested messages is kept account of.
"""

import asyncio
import json
import math
from collections import deque
from collections.abc import Coroutine, Iterable
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

if TYPE_CHECKING:
    from nats.aio.subscription import Subscription

from shared.bus.connection import api_prefix
from shared.bus.messages.headers import RECORDS, header_number
from shared.bus.messages.received import sign
from shared.bus.registry.users import OWN_API
from shared.contracts.batches import MAX_RECORDS, MAX_TEXT_BYTES

EXPIRES_S = 10.0
IDLE_HEARTBEAT_S = 1.0
SILENCE_S = 3.0
"""Longer than this without a sign of life, the request is taken for lost."""
ANSWER_S = 2.0
"""How long a stop waits for an answer of the server."""
PENDING_BYTES = 256 << 20
NANOSECONDS = 1_000_000_000
AWAY = (NatsError, OSError, TimeoutError)
"""What it raises if the server is away; it then learns by itself who has nothing in hand."""


def weight_of(raw: Msg) -> float:
    """Say what share of the largest batch a message is, by its records and its bytes."""
    records = header_number((raw.headers or {}).get(RECORDS)) or 0
    return max(records / MAX_RECORDS, len(raw.data) / MAX_TEXT_BYTES)


class PullConsumer:
    """A bounded number of messages of one durable consumer, requested or waiting here."""

    window: int
    """The bound; it may be changed at any time."""

    def __init__(self, client: Client, stream: str, durable: str, *, window: int) -> None:
        self._client = client
        self._next = f"{api_prefix(client)}.CONSUMER.MSG.NEXT.{stream}.{durable}"
        self._is_apart = api_prefix(client) == OWN_API
        self.window = window
        self._requested = 0
        self._sign_of_life = 0.0
        self._subscription: Subscription | None = None
        self._inbox = ""
        self._given_up: dict[float, Subscription] = {}
        """Inboxes that were silent, by when they were given up: something may still come."""
        self._arrived = asyncio.Event()
        self.waiting: deque[Msg] = deque()

    async def __aenter__(self) -> Self:
        await self._open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop asking, and hand back what nobody has begun to handle."""
        if not self._client.is_connected:
            return
        last = [] if self._subscription is None else [self._subscription]
        # What is on its way is taken, too: dropped, it would wait for ack_wait.
        if not await _done(*(one.drain() for one in (*self._given_up.values(), *last))):
            return
        with suppress(*AWAY):
            for raw in self.waiting:
                await raw.nak()
        await _done(self._client.flush())

    async def take(self, most: int, linger_s: float, *, max_weight: float = math.inf) -> list[Msg]:
        """Wait for a message; then take what comes within ``linger_s``, up to ``most``.

        Args:
            most: How many messages at most.
            linger_s: How long to wait for more of them.
            max_weight: How much they may weigh together; one alone may weigh more.
        """
        await self._request()
        while not self.waiting:
            await self._wait(IDLE_HEARTBEAT_S)
        end = asyncio.get_running_loop().time() + linger_s
        while len(self.waiting) < most:
            remaining_s = end - asyncio.get_running_loop().time()
            if remaining_s <= 0:
                break
            await self._wait(remaining_s)
        taken = [self.waiting.popleft()]
        weight = weight_of(taken[0])
        while self.waiting and len(taken) < most:
            weight += weight_of(self.waiting[0])
            if weight > max_weight:
                break
            taken.append(self.waiting.popleft())
        return taken

    def take_back(self, raws: Iterable[Msg]) -> None:
        """Keep what was taken and is not settled, to hand it back at the end.

        Not at once: while a request stands, the server may answer it with the same message just
        when it is withdrawn; then the message waits for ``ack_wait``.
        """
        self.waiting.extend(raw for raw in raws if not raw.is_acked)

    async def _wait(self, seconds: float) -> None:
        await self._request()
        self._arrived.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._arrived.wait()
        except TimeoutError:
            await self._reopen_if_lost()

    async def _request(self) -> None:
        missing = self.window - self._requested - len(self.waiting)
        if missing <= 0 or (self._requested and missing < self.window // 2):
            return
        if not self._client.is_connected:
            return
        self._requested += missing
        request = {
            "batch": missing,
            "expires": int(EXPIRES_S * NANOSECONDS),
            "idle_heartbeat": int(IDLE_HEARTBEAT_S * NANOSECONDS),
        }
        reply = self._inbox
        await self._client.publish(self._next, json.dumps(request).encode(), reply=reply)

    async def _on_message(self, inbox: str, raw: Msg) -> None:
        is_present = inbox == self._inbox
        if is_present:
            self._sign_of_life = asyncio.get_running_loop().time()
        headers = raw.headers or {}
        status = headers.get("Status")
        if status is None or raw.reply.startswith("$JS.ACK"):
            self._requested = max(0, self._requested - is_present)
            self.waiting.append(sign(raw, is_apart=self._is_apart))
        elif not is_present or status == "100":
            return
        else:  # the request has ended: expired, or its consumer or the server's store is gone
            left = int(headers.get("Nats-Pending-Messages") or 0)
            self._requested = max(0, self._requested - left) if left else 0
        self._arrived.set()

    async def _reopen_if_lost(self) -> None:
        now = asyncio.get_running_loop().time()
        if self._client.is_connected and now - self._sign_of_life > SILENCE_S:
            await self._open()

    async def _open(self) -> None:
        """Ask anew over a new inbox, forgetting requests that the server may have lost.

        The one before stays open for a while, as something may be on its way to it.
        """
        now = asyncio.get_running_loop().time()
        if self._subscription:
            self._given_up[now], self._subscription = self._subscription, None
        self._inbox = self._client.new_inbox()
        self._requested = 0
        self._sign_of_life = now
        self._subscription = await self._client.subscribe(
            self._inbox,
            cb=partial(self._on_message, self._inbox),
            pending_bytes_limit=PENDING_BYTES,
        )
        for since in [one for one in self._given_up if now - one > 2 * EXPIRES_S]:
            with suppress(*AWAY):
                await self._given_up.pop(since).unsubscribe()


async def _done(*works: Coroutine[Any, Any, None]) -> bool:
    """Let works come to their end, even if nobody waits for it any more.

    nats-py stops reading when the server answers a flush that was cancelled. From a server that
    does not answer nobody waits for more: it learns by itself who has nothing in hand.

    Returns:
        Whether it answered.
    """
    tasks = [asyncio.ensure_future(work) for work in works]
    if tasks:
        await asyncio.wait(tasks, timeout=ANSWER_S)
    for task in tasks:
        if task.done():
            with suppress(*AWAY):
                task.result()
    return all(task.done() for task in tasks)
