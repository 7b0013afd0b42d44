"""Takes connections from a listening socket, and decides at once which."""

import asyncio
import errno
import socket
import ssl
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from shared.http.answers import answer_to
from shared.http.heads import RefusedRequestError
from shared.http.networks import Trusted, network_of
from shared.http.protocol import GuardedProtocol
from shared.http.seats import FullError, Seats

AT_ONCE = 64
"""Accepted before others have their turn."""
MOST_TURNED_AWAY = 32
"""Kept open for a moment, so that they can read why."""
OUT_OF_FILES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
PAUSE_S = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorRules:
    """What a door goes by; times in seconds."""

    trusted: Trusted
    """Proxies, to whom the limit per address does not apply."""
    tls: ssl.SSLContext | None
    handshake_s: float
    sweep_s: float
    """Pause between two looks at what has lasted too long."""
    on_refusal: Callable[[int], None]


class Door:
    """What uvicorn calls a server: it has connections made until it is closed.

    asyncio's own would count a connection only after its TLS handshake, for which strangers could
    let it wait in any number.
    """

    def __init__(
        self,
        listener: socket.socket,
        make_protocol: Callable[[], GuardedProtocol],
        seats: Seats[GuardedProtocol],
        rules: DoorRules,
    ) -> None:
        self._listener = listener
        self._make_protocol = make_protocol
        self._seats = seats
        self._rules = rules
        self._loop = asyncio.get_running_loop()
        self._coming: set[asyncio.Task[None]] = set()
        self._turned_away: deque[socket.socket] = deque()
        self._sweeping: asyncio.TimerHandle | None = None
        self._is_open = False

    def open(self) -> None:
        """Begin to take connections."""
        self._listener.settimeout(0)
        self._is_open = True
        self._resume()
        self._sweep()

    def close(self) -> None:
        """Take no more; those that are in stay."""
        self._is_open = False
        with suppress(ValueError):  # the socket is closed already
            self._loop.remove_reader(self._listener)
        for task in self._coming:
            task.cancel()

    async def wait_closed(self) -> None:
        """Wait until no connection is half made."""
        if self._coming:
            await asyncio.wait(self._coming)

    def abort(self) -> None:
        """End whatever is left."""
        if self._sweeping is not None:
            self._sweeping.cancel()
        for one in self._seats.all():
            if one.transport is not None:
                one.transport.abort()
        while self._turned_away:
            self._turned_away.popleft().close()

    def _accept(self) -> None:
        for _ in range(AT_ONCE):
            try:
                connection, address = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                self._cannot_accept(error)
                return
            connection.settimeout(0)
            self._admit(connection, str(address[0]))

    def _cannot_accept(self, error: OSError) -> None:
        """Wait for a moment; where files are short, with one connection less."""
        self._loop.remove_reader(self._listener)
        self._loop.call_later(PAUSE_S, self._resume)
        if error.errno in OUT_OF_FILES:
            with suppress(FullError):
                self._send_away(self._seats.victim())

    def _resume(self) -> None:
        if self._is_open:
            self._loop.add_reader(self._listener, self._accept)

    def _admit(self, connection: socket.socket, address: str) -> None:
        network = network_of(address)
        try:
            victim = self._seats.victim_for(network, is_limited=address not in self._rules.trusted)
        except FullError as full:
            self._turn_away(connection, full)
            return
        if victim is not None:
            self._send_away(victim)
        protocol = self._make_protocol()
        protocol.on_lost = lambda: self._seats.leave(network, protocol)
        self._seats.take(network, protocol)
        task = self._loop.create_task(self._connect(connection, protocol))
        protocol.give_up = task.cancel
        self._coming.add(task)
        task.add_done_callback(partial(self._came, connection, protocol))

    async def _connect(self, connection: socket.socket, protocol: GuardedProtocol) -> None:
        tls = self._rules.tls
        timeout_s = self._rules.handshake_s if tls else None
        with suppress(OSError):  # of TLS too: who cannot greet is not talked to
            await self._loop.connect_accepted_socket(
                lambda: protocol, connection, ssl=tls, ssl_handshake_timeout=timeout_s
            )

    def _came(
        self, connection: socket.socket, protocol: GuardedProtocol, task: asyncio.Task[None]
    ) -> None:
        """Leave nothing of a connection that was not made; its task may not even have begun."""
        self._coming.discard(task)
        if protocol.transport is None:
            connection.close()
            protocol.on_lost()

    def _send_away(self, victim: GuardedProtocol) -> None:
        self._rules.on_refusal(408)
        victim.on_lost()
        victim.send_away()

    def _turn_away(self, connection: socket.socket, full: FullError) -> None:
        status = 429 if full.is_network else 503
        self._rules.on_refusal(status)
        if self._rules.tls is not None:
            connection.close()
            return
        with suppress(OSError):
            connection.send(answer_to(RefusedRequestError(status, str(full))))
            connection.shutdown(socket.SHUT_WR)
        self._turned_away.append(connection)
        if len(self._turned_away) > MOST_TURNED_AWAY:
            self._turned_away.popleft().close()

    def _sweep(self) -> None:
        """End what lasts too long, again and again."""
        now_s = self._loop.time()
        for one in self._seats.all():
            one.hurry(now_s)
        for _ in range(len(self._turned_away) // 2):
            self._turned_away.popleft().close()
        self._sweeping = self._loop.call_later(self._rules.sweep_s, self._sweep)
