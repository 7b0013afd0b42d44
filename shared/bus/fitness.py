"""Whether the server that answered is fit for us, and whether its refusal is for good."""

import ssl

from nats.aio.client import Client
from nats.errors import AuthorizationError, NoRespondersError
from nats.errors import Error as NatsError
from nats.js.errors import APIError

from shared.bus.connection import api_prefix, without_password
from shared.bus.publishing.publisher import MAX_MESSAGE
from shared.errors import ConfigurationError, Unfit
from shared.settings import NatsSection

HEADERS = 256 << 10
"""What the headers of a message may take beside its body."""
MIB = 1 << 20
PATIENCE_S = 2.0
OLDEST = (2, 11)
"""The first version whose streams are read in pieces."""
REFUSALS = ("authorization violation", "authentication", "permissions violation")
WITHOUT_JETSTREAM = (10039, 10076)
"""Errors of an account or a server that has none."""
HANDSHAKE = ("WRONG_VERSION_NUMBER", "ALERT", "NO_PROTOCOLS", "UNSUPPORTED_PROTOCOL")
"""Parts of the reasons of a TLS handshake that fails each time; one that was cut short passes."""
BAD_REQUEST = 400
REMEDIES = {
    10002: "raise the account's limits",
    10023: "give the server more room",
    10026: "raise the account's limit of consumers",
    10027: "raise the account's limit of streams",
    10028: "raise the account's limit of memory",
    10039: "give the account JetStream",
    10047: "make room, raise jetstream.max_file_store of the server and the account's limit of "
    "storage, or lower retention.*_max_bytes",
    10074: "set nats.replicas to 1, or make the server a cluster",
    10076: "start the server with JetStream: a section jetstream, or -js",
}
"""What to do about the errors of JetStream that come each time."""


def require_fit_server(client: Client) -> None:
    """Check a server that has just answered.

    Raises:
        Unfit: It takes too small messages, or is too old.
    """
    where = _where(client)
    if client.max_payload < MAX_MESSAGE + HEADERS:
        raise Unfit(
            where,
            found=f"it takes messages of at most {client.max_payload / MIB:.2f} MiB",
            needed=f"{(MAX_MESSAGE + HEADERS) / MIB:.2f} MiB",
            remedy="set max_payload: 8MB in its configuration, and restart it or have it read "
            "that again (nats-server --signal reload)",
        )
    version = client.connected_server_version
    if (version.major, version.minor) < OLDEST:
        raise Unfit(
            where,
            found=f"it is nats-server {version.major}.{version.minor}.{version.patch}",
            needed=f"{OLDEST[0]}.{OLDEST[1]} or newer",
            remedy="upgrade it",
        )


def refusal(error: Exception, section: NatsSection) -> Unfit | None:
    """Tell what helps if an error of connecting will come each time; none if it may pass."""
    where = f"the bus at {without_password(section.url)}"
    text = str(error).removeprefix("nats: ").strip("'\" ")
    if isinstance(error, AuthorizationError) or text.lower().startswith(REFUSALS[:2]):
        return Unfit(
            where,
            found=f"it refuses {_who(section)}: {text}",
            needed="a user and a password that it knows",
            remedy="check nats.user and nats.password (MAPSTREAM_NATS__USER, _PASSWORD or "
            "_PASSWORD_FILE) against its configuration",
        )
    if text.lower().startswith(REFUSALS[2]):
        return Unfit(
            where,
            found=f"it refuses {_who(section)}: {text}",
            needed="the permissions of this service",
            remedy="mapstream streams permissions prints them; check that nats.user is the "
            "service's own",
        )
    if isinstance(error, ssl.SSLCertVerificationError):
        return Unfit(
            where,
            found=f"its certificate is not accepted: {error.verify_message or text}",
            needed="a certificate for this name, of an authority that nats.tls_ca holds",
            remedy="point nats.tls_ca to the right file, or use the name that the certificate has",
        )
    if isinstance(error, ssl.SSLError) and any(one in (error.reason or "") for one in HANDSHAKE):
        return Unfit(
            where,
            found=f"the TLS handshake fails: {error.reason}",
            needed="a server that begins with TLS (handshake_first) if nats.tls_ca is set, and "
            "a certificate of our own (nats.tls_cert) if it wants one",
            remedy="compare nats.tls_* with the section tls of its configuration",
        )
    return None


async def require_jetstream(client: Client) -> None:
    """Check that a server that says it has no JetStream can reach one that has.

    Raises:
        Unfit: Nobody answers for it.
    """
    if client._server_info.get("jetstream"):  # noqa: SLF001  nats-py tells it nowhere else
        return
    try:
        await client.request(f"{api_prefix(client)}.INFO", timeout=PATIENCE_S)
    except NoRespondersError:
        raise no_jetstream(client) from None
    except NatsError:  # it may not be asked, or is slow: whoever needs it will see
        return


def no_jetstream(client: Client | None) -> Unfit:
    """Say that a server has no JetStream for us."""
    return Unfit(
        _where(client), found="it has no JetStream", needed="JetStream", remedy=REMEDIES[10076]
    )


def lasting(what: str, error: APIError) -> ConfigurationError | None:
    """Tell why a stream or consumer can never be had like this; none if it may be had later."""
    if error.err_code not in REMEDIES and error.code != BAD_REQUEST:
        return None
    told = f"{what}: {error.description}"
    remedy = REMEDIES.get(error.err_code or 0)
    return ConfigurationError(f"{told}; {remedy}" if remedy else told)


def _where(client: Client | None) -> str:
    url = client.connected_url if client else None
    return f"the bus at {without_password(url.geturl())}" if url else "the bus"


def _who(section: NatsSection) -> str:
    if section.user:
        return f"user '{section.user}'"
    return "the login in nats.url" if "@" in section.url else "a connection without a user"
