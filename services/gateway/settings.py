"""What the gateway reads from its configuration."""

from pathlib import Path

from pydantic import ConfigDict, Field

from shared.settings import Section, ServiceSettings


class GatewaySection(Section):
    """The HTTP server and its limits."""

    host: str = Field(
        default="127.0.0.1",
        description="Address to listen on. There are no accounts: who reaches it may use it.",
    )
    port: int = Field(default=8000, ge=0, le=65535, description="Port; 0: any free port.")
    allowed_hosts: tuple[str, ...] = Field(
        default=(),
        description="Names that requests may call the server by, beside those of this machine. "
        "On another address than loopback, none means any.",
    )
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
    shutdown_s: int = Field(
        default=3, ge=0, description="How long requests may go on after the signal, seconds."
    )


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
