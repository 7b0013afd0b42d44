"""How a client of the bus connects: servers, TLS, and inboxes that only its user may read."""

import asyncio
import re
import ssl
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from shared.addresses import check_servers
from shared.authorities import check_authorities
from shared.bus.registry.users import api_of
from shared.environment import ENVIRONMENT
from shared.errors import ConfigurationError
from shared.settings import NatsSection

JetStream = JetStreamContext
BusError = NatsError
"""What the server, or the way to it, fails with."""
NotDeclared = NotFoundError
"""The server has no such stream, or no such consumer."""
BUS_ERRORS = (BusError, TimeoutError, OSError)
"""What asking an absent or a forgetful server may raise."""

TLS_SCHEMES = ("tls://", "wss://")
INBOX = "_INBOX"
USER = re.compile(r"[A-Za-z0-9_-]+")


def jetstream(client: Client, *, timeout_s: float) -> JetStreamContext:
    """Return JetStream as the user of this connection reaches it."""
    return client.jetstream(timeout=timeout_s, prefix=api_prefix(client))


def api_prefix(client: Client) -> str:
    """Return what requests to JetStream begin with."""
    return api_of(user_of(client))


def user_of(client: Client) -> str:
    """Return who this connection is, if its user was named: that is in its inboxes."""
    return client.new_inbox().split(".")[1]


async def is_answering(client: Client, *, wait_s: float) -> bool:
    """Tell whether the server has taken all that was sent to it, waiting for that a while.

    Its answer is awaited to the end even if nobody waits any more: nats-py stops reading when the
    server answers a flush that was cancelled.
    """
    asked = asyncio.ensure_future(client.flush())
    await asyncio.wait({asked}, timeout=wait_s)
    return asked.done() and asked.exception() is None


def servers(section: NatsSection) -> list[str]:
    """List the servers, any of which may be connected to.

    Raises:
        ConfigurationError: One of them is no address.
    """
    try:
        check_servers(section.url)
    except ValueError as error:
        raise ConfigurationError(f"the address of the bus: {error}") from error
    return [one.strip() for one in section.url.split(",") if one.strip()]


def inbox_prefix(section: NatsSection) -> str:
    """Return what the subjects of answers begin with; each user may read those of its own name.

    The user stands in the settings, or in the address of the first server.
    """
    url = urlsplit(servers(section)[0])
    user = section.user or (url.username if url.password else None) or ""
    return f"{INBOX}.{user}" if USER.fullmatch(user) else INBOX


def without_password(url: str) -> str:
    """Return an address as it may be shown: without user and password."""
    return ",".join(_bare(one) for one in url.split(","))


def _bare(url: str) -> str:
    parts = urlsplit(url.strip())
    return urlunsplit(parts._replace(netloc=parts.netloc.rsplit("@", 1)[-1]))


def tls_context(section: NatsSection) -> ssl.SSLContext | None:
    """Return what TLS is spoken with; none: the server decides, with the system's authorities.

    Raises:
        ConfigurationError: A file cannot be read or is no certificate or key.
    """
    if section.tls_ca is None:
        if any(one.startswith(TLS_SCHEMES) for one in servers(section)):
            check_authorities(ENVIRONMENT)
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(section.tls_ca)
    except OSError as error:  # ssl.SSLError is one
        raise ConfigurationError(f"nats.tls_ca: {section.tls_ca}: {error}") from error
    if section.tls_cert is not None:
        try:
            context.load_cert_chain(section.tls_cert, section.tls_key)
        except OSError as error:
            where = f"{section.tls_cert}, {section.tls_key}"
            raise ConfigurationError(f"nats.tls_cert, nats.tls_key: {where}: {error}") from error
    return context


def client_options(section: NatsSection) -> dict[str, Any]:
    """Return what ``nats.connect`` needs to be this user.

    With a context the TLS handshake comes first. Otherwise nats-py asks the server whether it
    wants TLS, and tells the password in the clear to one that says no.

    Raises:
        ConfigurationError: The files for TLS cannot be used.
    """
    context = tls_context(section)
    return {
        "servers": servers(section),
        "user": section.user,
        "password": section.password.get_secret_value() if section.password else None,
        "inbox_prefix": inbox_prefix(section),
        **({"tls": context, "tls_handshake_first": True} if context else {}),
    }
