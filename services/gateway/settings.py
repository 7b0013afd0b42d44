"""What the gateway reads from its configuration."""

import re
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Literal, Self

from pydantic import ConfigDict, Field, field_validator, model_validator

from shared.bearer import Key
from shared.blobs.settings import BlobsSection
from shared.settings import Section, ServiceSettings

ORIGIN = re.compile(r"https?://[^/?#@\s*]+")
SHORTEST_TOKEN = 16


class TokenEntry(Section):
    """A token that is accepted; its text, its file or its hash."""

    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$",
        description="Whose it is; stands in the log and has limits of its own.",
    )
    role: Literal["read", "operate"] = Field(
        description="read: everything that changes nothing; operate: everything."
    )
    token: Key = Field(
        default=None, min_length=SHORTEST_TOKEN,
        description="The token itself, at least 16 characters.",
    )  # fmt: skip
    file: Path | None = Field(default=None, description="A file that holds the token.")
    sha256: str | None = Field(
        default=None, pattern="^[0-9a-f]{64}$",
        description="SHA-256 of the token in hexadecimal digits: nobody can read it from here.",
    )  # fmt: skip

    @model_validator(mode="after")
    def _check(self) -> Self:
        if sum(one is not None for one in (self.token, self.file, self.sha256)) != 1:
            raise ValueError("give one of token, file and sha256")
        return self


class GatewaySection(Section):
    """The HTTP server and its limits."""

    host: str = Field(
        default="127.0.0.1",
        description="Address to listen on. One that other machines reach needs tokens.",
    )
    port: int = Field(default=8000, ge=0, le=65535, description="Port; 0: any free port.")
    tokens: tuple[TokenEntry, ...] = Field(
        default=(),
        description="Bearer tokens that requests must carry; none: whoever reaches the server "
        "may do everything.",
    )
    allow_anonymous: bool = Field(
        default=False,
        description="Whether the server may be reached from other machines without tokens.",
    )
    tls_certificate: Path | None = Field(
        default=None, description="PEM file of the certificate and its chain; none: plain HTTP."
    )
    tls_key: Path | None = Field(
        default=None, description="PEM file of the certificate's private key, without password."
    )
    allowed_hosts: tuple[str, ...] = Field(
        default=(),
        description="Names that requests may call the server by, beside those of this machine; "
        "on another address than loopback any IP address too.",
    )
    allowed_origins: tuple[str, ...] = Field(
        default=(),
        description="Pages of other sites that may use the server from a browser (CORS): "
        "https://HOST[:PORT].",
    )
    trusted_proxies: tuple[str, ...] = Field(
        default=(),
        description="Addresses or networks of proxies whose X-Forwarded-For and -Proto count.",
    )
    requests_per_s: float = Field(
        default=50.0, gt=0,
        description="How many requests a token, or an address without one, may send each second.",
    )  # fmt: skip
    burst: int = Field(
        default=200, ge=1, description="How many requests it may send at once after a pause."
    )
    max_connections: int = Field(
        default=1024, ge=2,
        description="The most connections at a time; one more takes the place of the one that "
        "has waited longest, or gets 503 if none waits.",
    )  # fmt: skip
    max_connections_per_client: int = Field(
        default=128, ge=1,
        description="The most of them of one address, of IPv6 its /64; then the same, with 429. "
        "Not of a trusted proxy.",
    )  # fmt: skip
    receive_timeout_s: float = Field(
        default=15.0, gt=0,
        description="How long a request's head, and then its body, may take to come, seconds.",
    )  # fmt: skip
    max_header_bytes: int = Field(
        default=16_384, ge=1024,
        description="The largest head of a request; above it: 431.",
    )  # fmt: skip
    patience_s: float = Field(
        default=20.0, ge=0, le=600,
        description="How long a command's request waits for the outcome, seconds.",
    )  # fmt: skip
    max_body_bytes: int = Field(default=65_536, ge=1024, description="The largest request body.")
    keepalive_s: int = Field(
        default=30, ge=1, description="How long an idle connection stays open, seconds."
    )
    heartbeat_s: float = Field(
        default=15.0, gt=0, description="Pause between two signs of life of /events, seconds."
    )
    send_timeout_s: float = Field(
        default=30.0, gt=0,
        description="A client that takes nothing for so long is dropped, seconds.",
    )  # fmt: skip
    max_streams: int = Field(
        default=256, ge=1, description="The most /events and /map answers under way at a time."
    )
    max_streams_per_client: int = Field(
        default=32, ge=1, description="The most of them of one token or address."
    )
    max_stream_s: float = Field(
        default=3600.0, gt=0,
        description="How long one /events answer goes on, seconds; browsers come back.",
    )  # fmt: skip
    shutdown_s: int = Field(
        default=3, ge=0, description="How long requests may go on after the signal, seconds."
    )

    @property
    def is_reachable(self) -> bool:
        """Whether other machines may reach the address."""
        try:
            return not ip_address(self.host).is_loopback
        except ValueError:
            return self.host != "localhost"

    @property
    def tls_files(self) -> tuple[Path, Path] | None:
        """The files of the certificate and its key, if there are any."""
        certificate, key = self.tls_certificate, self.tls_key
        return (certificate, key) if certificate and key else None

    @field_validator("allowed_origins")
    @classmethod
    def _check_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for one in origins:
            if not ORIGIN.fullmatch(one):
                raise ValueError(f"'{one}' is no origin; it looks like https://map.example:8443")
        return origins

    @field_validator("trusted_proxies")
    @classmethod
    def _check_proxies(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        for one in proxies:
            try:
                ip_network(one)
            except ValueError as error:
                raise ValueError(
                    f"'{one}' is neither an address nor a network: {error}"
                ) from error
        return proxies

    @field_validator("tokens")
    @classmethod
    def _check_tokens(cls, tokens: tuple[TokenEntry, ...]) -> tuple[TokenEntry, ...]:
        if len({one.name for one in tokens}) < len(tokens):
            raise ValueError("two tokens have the same name")
        return tokens

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key belong together")
        if self.is_reachable and not self.tokens and not self.allow_anonymous:
            raise ValueError(
                f"host {self.host} can be reached from other machines, and there are no tokens: "
                "list gateway.tokens, or set gateway.allow_anonymous to true if whoever reaches "
                "it may do everything, or leave host at 127.0.0.1"
            )
        return self


class OutputView(Section):
    """What the gateway needs to know of section ``output``."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    folder: Path = Field(
        default=Path("mapstream-out"),
        description="Folder with one folder per collection: the dataset and its public files.",
    )


class Settings(ServiceSettings):
    """What the gateway reads."""

    gateway: GatewaySection = Field(default=GatewaySection(), description="The HTTP server.")
    output: OutputView = Field(default=OutputView(), description="The dataset.")
    blobs: BlobsSection = Field(default=BlobsSection(), description="Uploaded files.")
