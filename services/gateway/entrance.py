"""Who may come in over HTTP, by the settings: certificates, tokens, limits."""

import os
from pathlib import Path

from services.gateway.adapters.token_file import read_token
from services.gateway.routes import exporting, manifests, matches
from services.gateway.routes.resumable_protocol import STREAMS
from services.gateway.settings import SHORTEST_TOKEN, GatewaySection, TokenEntry
from shared.errors import ConfigurationError
from shared.http.guard import GuardRules, allowed_hosts
from shared.http.heads import HeadLimits
from shared.http.keyring import Caller, Credential, Keyring, Role, digest_of
from shared.http.protocol import Patience
from shared.http.rates import Rates
from shared.http.server import ServerOptions, check_certificate
from shared.observability.http_metrics import count_refusals


def require_certificate(certificate: Path, key: Path) -> None:
    """Check that a certificate and its key can be used.

    Raises:
        ConfigurationError: Says why not.
    """
    if why_not := check_certificate(certificate, key):
        raise ConfigurationError(
            f"gateway.tls_certificate, gateway.tls_key: {certificate} and {key} must be PEM files "
            f"that belong together, the key without password, and that user {os.getuid()} may "
            f"read: {why_not}"
        )


def build_keyring(section: GatewaySection) -> Keyring:
    """Wire the tokens that are accepted.

    Raises:
        ConfigurationError: A file of a token cannot be used.
    """
    return Keyring(
        Credential(Caller(one.name, Role(one.role)), _digest(one)) for one in section.tokens
    )


def _digest(entry: TokenEntry) -> bytes:
    if entry.sha256:
        return bytes.fromhex(entry.sha256)
    if entry.file:
        return digest_of(read_token(entry.file, shortest=SHORTEST_TOKEN))
    return digest_of(entry.token.get_secret_value() if entry.token else "")


def guard_rules(section: GatewaySection, keyring: Keyring) -> GuardRules:
    """Take from the settings what the guard asks of a request."""
    return GuardRules(
        section="gateway",
        hosts=allowed_hosts(
            section.host, section.allowed_hosts, is_reachable=section.is_reachable
        ),
        keyring=keyring,
        rates=Rates(section.requests_per_s, section.burst),
        max_body_bytes=section.max_body_bytes,
        larger_bodies={
            exporting.PATH: exporting.LARGEST,
            manifests.PATH: manifests.LARGEST,
            matches.DECISIONS: matches.LARGEST,
        },
        streams=STREAMS,
        receive_timeout_s=section.receive_timeout_s,
        allowed_origins=frozenset(section.allowed_origins),
    )


def server_options(section: GatewaySection) -> ServerOptions:
    """Take from the settings how connections are treated."""
    return ServerOptions(
        keepalive_s=section.keepalive_s,
        shutdown_s=section.shutdown_s,
        patience=Patience(
            head_s=section.receive_timeout_s,
            body_s=section.receive_timeout_s,
            send_s=section.send_timeout_s,
        ),
        heads=HeadLimits(max_bytes=section.max_header_bytes),
        max_connections=section.max_connections,
        max_connections_per_client=section.max_connections_per_client,
        trusted_proxies=section.trusted_proxies,
        tls=section.tls_files,
        on_refusal=count_refusals("gateway"),
    )
