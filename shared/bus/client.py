"""Connects those who are no service to the bus: the command line and what it starts."""

from collections.abc import Awaitable, Callable

import nats

from shared.bus.connection import BusError, Client, client_options, without_password
from shared.bus.fitness import refusal
from shared.errors import TransientError
from shared.settings import NatsSection

CONNECT_S = 3


async def connect_once(section: NatsSection, url: str, *, name: str) -> Client:
    """Connect to a server, without waiting long for one that is not there.

    Raises:
        ConfigurationError: The files for TLS cannot be used, or the server refuses us.
        TransientError: Names the server and what it said.
    """
    last: Exception | None = None

    async def note(error: Exception) -> None:
        nonlocal last
        last = error

    # Who a URL names goes before who the configuration names: that is for another server.
    own = {"user": None, "password": None} if "@" in url else {}
    section = section.model_copy(update={"url": url, **own})
    try:
        return await nats.connect(
            **client_options(section),
            name=name,
            connect_timeout=CONNECT_S,
            # nats-py counts the first tries to connect as tries to reconnect, two minutes of them.
            allow_reconnect=False,
            max_reconnect_attempts=1,
            reconnect_time_wait=0.1,
            error_cb=note,
        )
    except (BusError, OSError, ValueError) as error:
        if refused := refusal(last or error, section):
            raise refused from error
        raise TransientError(f"{without_password(url)} ({_words(last or error)})") from error


async def stay_connected(
    url: str, *, name: str, on_reconnected: Callable[[], Awaitable[None]]
) -> Client:
    """Connect to a server that is there, and again whenever it is back."""
    return await nats.connect(
        url,
        max_reconnect_attempts=-1,
        reconnect_time_wait=0.5,
        error_cb=_ignore,
        reconnected_cb=on_reconnected,
        name=name,
    )


async def _ignore(_error: Exception) -> None:
    """Say nothing: a bus that is away shows as services that are absent."""


def _words(error: Exception) -> str:
    return str(error) or f"{type(error).__name__}: is it a NATS server?"
