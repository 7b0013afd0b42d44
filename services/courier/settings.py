"""What the courier reads from its configuration."""

from ipaddress import ip_network
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, field_validator, model_validator

from shared.analysis import AnalysisSection
from shared.bearer import Password
from shared.blobs.settings import BlobsSection
from shared.environment import ENVIRONMENT
from shared.secret_files import read_secret
from shared.settings import Section, ServiceSettings

PORT = 443


class HostCredentials(Section):
    """What one host is sent, and no other."""

    host: str = Field(
        pattern=r"^[a-z0-9.-]+(:[0-9]{1,5})?$",
        description="The host, in lower case; `:PORT` behind it if that is not 443.",
    )
    header: str = Field(
        default="Authorization",
        pattern=r"^[A-Za-z0-9-]{1,64}$",
        description="The header that it stands in.",
    )
    value: Password = Field(
        default=None, description="The whole value of the header, as `Bearer abc`."
    )
    value_file: Path | None = Field(
        default=None, description="The file that holds this value, and nothing else."
    )

    @model_validator(mode="before")
    @classmethod
    def read_value(cls, given: Any) -> Any:
        """Take the value from its file; a variable of the environment names no entry of a list.

        Raises:
            ConfigurationError: The file cannot be read, or is empty.
        """
        if not isinstance(given, dict) or given.get("value_file") is None:
            return given
        if given.get("value") is not None:
            raise ValueError("value and value_file are both given")
        setting = f"courier.credentials: {given.get('host')}: value_file"
        return given | {"value": read_secret(Path(given["value_file"]), setting)}

    @property
    def place(self) -> str:
        """The host with its port."""
        return self.host if ":" in self.host else f"{self.host}:{PORT}"

    @property
    def secret(self) -> str:
        """What is sent."""
        return (self.value or SecretStr("")).get_secret_value()


class CourierSection(Section):
    """How files are fetched from URLs."""

    allowed_networks: tuple[str, ...] = Field(
        default=(),
        description="Networks and addresses that files may be fetched from though they are not "
        "public, as 10.1.0.0/16. Whoever may give commands can have anything there asked for.",
    )
    at_once: int = Field(
        default=6, ge=1, le=64, description="So many files are fetched at a time by one process."
    )
    connect_timeout_s: float = Field(
        default=10.0, gt=0, description="For the connection to a server."
    )
    idle_timeout_s: float = Field(default=30.0, gt=0, description="Between two pieces of a file.")
    whole_timeout_s: float = Field(
        default=300.0, gt=0, description="For a whole file; each of three tries has that time."
    )
    credentials: tuple[HostCredentials, ...] = Field(
        default=(),
        description="What hosts are sent whose files are not for everybody; over https only, or "
        "to allowed_networks. Nobody else gets it, also after a redirect.",
    )

    @field_validator("allowed_networks")
    @classmethod
    def are_networks(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        """Refuse what is no network."""
        for one in given:
            ip_network(one, strict=False)
        return given


class Settings(ServiceSettings):
    """What the courier reads."""

    courier: CourierSection = Field(default=CourierSection(), description="Files of URLs.")
    blobs: BlobsSection = Field(default=BlobsSection(), description="Where files are kept.")
    analysis: AnalysisSection = Field(
        default=AnalysisSection(), description="Who reads files instead of us."
    )


def network_variables() -> dict[str, str]:
    """Return the variables of the environment that say how certificates are checked."""
    return dict(ENVIRONMENT)
