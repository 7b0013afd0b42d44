"""What the command line reads, and the environment that it gives to the services."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ConfigDict, Field

from shared.environment import ENVIRONMENT
from shared.settings import (
    CONFIG_VARIABLE,
    DEFAULT_GLOB,
    RetentionSection,
    Section,
    ServiceSettings,
    config_file,
    load_settings,
)

Config = Annotated[
    Path | None, typer.Option("--config", help="A config.yaml; see docs/configuration.md.")
]
Collections = Annotated[
    list[str] | None, typer.Option("--collection", help="A collection; may be repeated.")
]
Collection = Annotated[
    str | None, typer.Option("--collection", help="The map; not needed if there is only one.")
]
Url = Annotated[str | None, typer.Option("--url", help="The bus: nats://HOST:PORT.")]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        help="Folder of a local run, whose bus is asked. Without --url and --output: "
        "the run in ./mapstream-out if there is one, else nats.url of the configuration.",
    ),
]
DeepCheck = Annotated[
    bool,
    typer.Option("--deep-check", help="Compare all contents, whatever size and times say."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
Timeout = Annotated[
    float, typer.Option("--timeout", min=0.1, help="Seconds to wait for the answer.")
]


class SourceEntry(Section):
    """A folder or file to read, as in the configuration's section ``ingestion``."""

    model_config = ConfigDict(frozen=True, extra="allow")

    path: Path = Field(description="Folder or file.")
    glob: str = Field(default=DEFAULT_GLOB, description="Which files of a folder.")
    collection: str = Field(default="default", description="The map that it belongs to.")
    links_may_leave: bool = Field(default=False, description="Whether links may lead elsewhere.")


class SourcesView(Section):
    """What the command line needs to know of section ``ingestion``."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    sources: tuple[SourceEntry, ...] = Field(default=(), description="Where sources are found.")


class EmbedderView(Section):
    """What the command line needs to know of section ``embedding``."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    url: str | None = Field(default=None, description="The embedding server, if not our own.")


class GatewayView(Section):
    """What the command line needs to know of section ``gateway``."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    port: int = Field(
        default=8000, ge=0, le=65535, description="Port of the gateway; any free one if taken."
    )
    tls_certificate: Path | None = Field(default=None, description="If there is one: HTTPS.")


class CliSettings(ServiceSettings):
    """The configuration as far as the command line looks at it."""

    ingestion: SourcesView = Field(default=SourcesView(), description="Sources.")
    retention: RetentionSection = Field(
        default=RetentionSection(), description="What the public streams keep."
    )
    gateway: GatewayView = Field(default=GatewayView(), description="HTTP gateway.")
    embedding: EmbedderView = Field(default=EmbedderView(), description="Embedding server.")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What was asked for on the command line."""

    paths: Sequence[Path]
    output: Path
    collection: str
    glob: str
    is_once: bool
    is_json: bool
    is_dry: bool
    is_deep: bool = False
    """Whether all contents are compared with what was mapped."""
    opens_page: bool = False
    """Whether the page is shown in a browser when the gateway answers."""

    @property
    def state(self) -> Path:
        """Folder of everything that is not the dataset."""
        return self.output / "state"


def has_desktop() -> bool:
    """Tell whether there is a screen on which a browser could show something."""
    is_shown = any(ENVIRONMENT.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
    return sys.platform in ("darwin", "win32") or is_shown


DEFAULT_OUTPUT = Path("mapstream-out")


@dataclass(frozen=True, slots=True, kw_only=True)
class BusOptions:
    """Which bus and which collection a command is about, as far as was said."""

    url: str | None = None
    output: Path | None = None
    """Folder of a local run; its bus is asked."""
    collection: str | None = None
    is_json: bool = False


def load_cli_settings(config: Path | None) -> CliSettings:
    """Read the configuration; the file becomes that of all processes started from here.

    Raises:
        ConfigurationError: Says which field of which file is wrong.
    """
    if config is not None:
        ENVIRONMENT[CONFIG_VARIABLE] = str(config.resolve())
    return load_settings(CliSettings)


def service_environment(
    options: RunOptions,
    settings: CliSettings,
    *,
    nats_url: str,
    text2vec_port: int | None,
    nats_login: tuple[str, str] | None = None,
) -> dict[str, str]:
    """Return the environment of the services of a local run.

    What the run decides (bus, folders, collection, sources) goes before the user's own variables
    and file; all the rest stays theirs.
    """
    environment = dict(ENVIRONMENT)
    sources = [
        # Not resolved: a link is followed at every look, as one in the file is.
        {"path": str(path.absolute()), "glob": options.glob, "collection": options.collection}
        for path in options.paths
    ] or [one.model_dump(mode="json") for one in settings.ingestion.sources]
    environment |= {
        "MAPSTREAM_COLLECTIONS": json.dumps([options.collection]),
        "MAPSTREAM_NATS__URL": nats_url,
        "MAPSTREAM_STATE__FOLDER": str(options.state.resolve()),
        "MAPSTREAM_OUTPUT__FOLDER": str(options.output.resolve()),
        "MAPSTREAM_INGESTION__SOURCES": json.dumps(sources),
        "PYTHONUNBUFFERED": "1",
        # A "shared.py" in the folder where the user happens to be must not take our place.
        "PYTHONSAFEPATH": "1",
        # Two cores do best with one thread of linear algebra per process.
        "OMP_NUM_THREADS": environment.get("OMP_NUM_THREADS", "1"),
        "OPENBLAS_NUM_THREADS": environment.get("OPENBLAS_NUM_THREADS", "1"),
    }
    if options.is_once:  # the files of a run that ends protect nobody by waiting
        environment.setdefault("MAPSTREAM_OUTPUT__SNAPSHOT_QUIET", "0")
    if nats_login is not None:
        user, password = nats_login
        # The user's own name, password and files for TLS, if any, are for another server.
        environment.pop("MAPSTREAM_NATS__PASSWORD_FILE", None)
        environment |= {f"MAPSTREAM_NATS__TLS_{one}": "" for one in ("CA", "CERT", "KEY")}
        environment |= {"MAPSTREAM_NATS__USER": user, "MAPSTREAM_NATS__PASSWORD": password}
    if options.is_deep:
        environment["MAPSTREAM_INGESTION__DEEP_CHECK_AT_START"] = "true"
    if text2vec_port is not None:
        environment |= {
            "MAPSTREAM_TEXT2VEC__PORT": str(text2vec_port),
            "MAPSTREAM_EMBEDDING__URL": f"http://127.0.0.1:{text2vec_port}",
        }
    return environment


def has_own_embedder(settings: CliSettings) -> bool:
    """Tell whether the user named an embedding server, so that none has to be started."""
    return settings.embedding.url is not None


def configuration_name() -> str:
    """Name the configuration's file for messages."""
    file = config_file()
    return str(file) if file else "no configuration file"
