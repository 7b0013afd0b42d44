"""Settings that every process has, and how settings are read.

One file, ``config.yaml``, has a section per concern; a service's ``Settings`` names the sections
that it reads. The environment goes before the file: ``MAPSTREAM_EMBEDDING__URL`` sets the field
``url`` of section ``embedding``. A secret may also be in a file, as containers are given them:
``MAPSTREAM_NATS__PASSWORD_FILE`` names the file that holds ``nats.password``.
"""

from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    HttpUrl,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    YamlConfigSettingsSource,
)

from shared.addresses import check_servers
from shared.bearer import Password
from shared.environment import ENVIRONMENT
from shared.errors import ConfigurationError
from shared.mistakes import check_file, describe
from shared.redaction import redact, register_settings, register_variables
from shared.secret_files import with_secret_files
from shared.sections import SECTIONS
from shared.variables import PREFIX, not_json, unknown_variables, with_aliases

CONFIG_VARIABLE = f"{PREFIX}CONFIG"
ACK_WAIT_S = 15.0
DEFAULT_GLOB = "**/*.jsonl"
"""Which files of a folder are read, of the configuration as of the command line."""


class Section(BaseModel):
    """A section of the file; an unknown field in it is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class NatsSection(Section):
    """How to reach the bus."""

    url: str = Field(
        default="nats://127.0.0.1:4222",
        description="Where NATS listens; the servers of a cluster with commas between them.",
    )
    monitoring_url: str | None = Field(
        default=None,
        pattern=r"^\s*https?://[^,\s]+\s*(,\s*https?://[^,\s]+\s*)*$",
        description="Monitoring port of the server, as http://nats:8222, those of a cluster with "
        "commas between them; none: /metrics tells nothing of the servers and their streams.",
    )
    user: str | None = Field(default=None, description="User name, if the server wants one.")
    password: Password = Field(default=None, description="Password of that user.")
    ack_wait_s: float = Field(
        default=ACK_WAIT_S,
        ge=1,
        description="The bus delivers a message again when its handler gave no sign of life for "
        "so long, seconds. Handlers give three in this time; `mapstream streams apply` tells the "
        "server.",
    )
    max_dead_share: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="A stage halts when more than this share of the records that it handled last "
        "would be dead-lettered; 1: it never does. Unreadable lines of sources do not count.",
    )
    dead_share_from: int = Field(
        default=20,
        ge=1,
        le=200,
        description="So many dead letters among the last 200 outcomes are needed for a halt.",
    )
    tls_ca: Path | None = Field(
        default=None,
        description="PEM file of the authority that signed the server's certificate; with it, "
        "nothing is said without TLS.",
    )
    tls_cert: Path | None = Field(
        default=None, description="PEM file of a certificate of our own, if the server wants one."
    )
    tls_key: Path | None = Field(default=None, description="PEM file of that certificate's key.")
    replicas: int = Field(
        default=1, ge=1, le=5,
        description="Copies that a cluster keeps of every stream; for mapstream streams apply.",
    )  # fmt: skip

    @field_validator("tls_ca", "tls_cert", "tls_key", mode="before")
    @classmethod
    def take_nothing_for_none(cls, file: Any) -> Any:
        """Have an empty variable say that there is none, whatever a file says."""
        return None if file == "" else file

    @field_validator("url")
    @classmethod
    def check_url(cls, url: str) -> str:
        """Refuse what is no address: it would be waited for without an end."""
        return check_servers(url)

    @model_validator(mode="after")
    def require_authority(self) -> Self:
        """Refuse a certificate without the authority: the connection would be without TLS."""
        if (self.tls_cert and not self.tls_ca) or (self.tls_key and not self.tls_cert):
            raise ValueError("tls_cert needs tls_ca, and tls_key needs tls_cert")
        return self


class LogSection(Section):
    """What is logged."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The lowest level that is written."
    )
    format: Literal["auto", "json", "console"] = Field(
        default="auto", description="auto: pretty on a terminal, JSON lines elsewhere."
    )
    max_file_bytes: int = Field(
        default=16 << 20,
        ge=1 << 10,
        description="Of mapstream run: a process's log file that is longer begins anew, the one "
        "before is kept beside it.",
    )


class HealthSection(Section):
    """Where a service answers /health and /ready."""

    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int | None = Field(
        default=None, ge=0, le=65535, description="Port; none: no HTTP; 0: any free port."
    )


class TracingSection(Section):
    """Where traces go."""

    endpoint: HttpUrl | None = Field(
        default=None,
        description="Root of an OpenTelemetry collector that takes OTLP over HTTP, as "
        "http://127.0.0.1:4318; none: no traces. Needs mapstream[otel].",
    )


class StateSection(Section):
    """Where services keep what they own, the dataset excepted."""

    folder: Path = Field(
        default=Path("mapstream-out/state"), description="Folder of the services' state."
    )


class RetentionSection(Section):
    """How long the public streams keep what; mapstream streams apply tells the server."""

    events_days: float = Field(default=30, gt=0, description="Events, for anybody.")
    events_max_bytes: int = Field(
        default=1 << 30, ge=1 << 20, description="All events together; the oldest go first."
    )
    points_days: float = Field(default=3, gt=0, description="Points as they were mapped.")
    points_max_bytes: int = Field(
        default=1 << 30, ge=1 << 20, description="All points together; the oldest go first."
    )
    dead_letters_days: float = Field(
        default=30,
        gt=0,
        description="Dead letters, and the ledger's accounts of the batches that they belong to.",
    )
    dead_letters_max_bytes: int = Field(
        default=1 << 30, ge=1 << 20, description="All dead letters together; the oldest go first."
    )
    jobs_days: float = Field(
        default=7, gt=0, description="Jobs, from their end on; discovery keeps them."
    )
    audit_days: float = Field(
        default=365, gt=0, description="Who gave which command, and what became of it."
    )
    audit_max_bytes: int = Field(
        default=64 << 20, ge=1 << 20, description="All of that together; the oldest go first."
    )


READ_BY_OTHERS = 0o004
UMASKS = {"owner": 0o077, "group": 0o027, "everybody": 0o022}


class ServiceSettings(BaseSettings):
    """What every process reads."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        frozen=True,
        extra="ignore",
    )

    collections: tuple[str, ...] = Field(
        default=("default",), min_length=1, description="The collections that are served."
    )
    readable_by: Literal["owner", "group", "everybody"] | None = Field(
        default=None,
        description="Who may read the files that are made: the user who runs it, also its group, "
        "or everybody. If not given: the owner alone, unless the umask says who else but not "
        "everybody. The state of a local run is the owner's in any case.",
    )
    nats: NatsSection = Field(default=NatsSection(), description="The bus.")
    log: LogSection = Field(default=LogSection(), description="Logs.")
    health: HealthSection = Field(default=HealthSection(), description="Health over HTTP.")
    tracing: TracingSection = Field(default=TracingSection(), description="Traces.")
    state: StateSection = Field(default=StateSection(), description="State on disk.")

    def umask(self, present: int) -> int:
        """Choose what new files do not allow.

        Args:
            present: What the process was started with. One that lets everybody read is what
                systems have where nobody chose anything.
        """
        if self.readable_by is not None:
            return UMASKS[self.readable_by]
        return present if present & READ_BY_OTHERS else UMASKS["owner"]

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read arguments first, then the environment, then the file."""
        del dotenv_settings, file_secret_settings
        if isinstance(env_settings, EnvSettingsSource):
            given = with_aliases(env_settings.env_vars)
            env_settings.env_vars = with_secret_files(settings_cls, given)
        return init_settings, env_settings, YamlConfigSettingsSource(settings_cls, config_file())

    @classmethod
    def load(cls, **values: Any) -> Self:
        """Read the settings.

        Raises:
            ConfigurationError: Says which field of which file is wrong.
        """
        return load_settings(cls, **values)


Loaded = TypeVar("Loaded", bound=BaseSettings)


def config_file() -> Path | None:
    """Return the file that ``MAPSTREAM_CONFIG`` names, if any."""
    name = ENVIRONMENT.get(CONFIG_VARIABLE)
    return Path(name) if name else None


def load_settings(kind: type[Loaded], **values: Any) -> Loaded:
    """Read settings of a kind, turning every mistake into one clear error.

    Raises:
        ConfigurationError: Says which field of which file is wrong.
    """
    register_variables(ENVIRONMENT, PREFIX)
    file = config_file()
    mistakes = list(unknown_variables(ENVIRONMENT, SECTIONS))
    loaded = None
    try:
        if file is not None:
            check_file(file, SECTIONS)
        loaded = kind(**values)
    except ConfigurationError as error:
        mistakes.append(str(error))
    except ValidationError as error:
        variables = ENVIRONMENT
        mistakes.append(describe(error, kind, str(file or "the environment"), variables))
    except SettingsError as error:  # a variable that should hold JSON, as MAPSTREAM_COLLECTIONS
        told = list(not_json(kind, ENVIRONMENT))
        mistakes += told or [f"the environment: {error}: {error.__cause__}"]
    if loaded is None or mistakes:
        raise ConfigurationError(redact("\n".join(mistakes)))
    register_settings(loaded.model_dump())
    return loaded
