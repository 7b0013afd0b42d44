"""What services read of section ``analysis``: the service that reads files instead of us."""

from pathlib import PurePosixPath
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, field_validator

from shared.settings import Section


def _is_plain(url: str) -> str:
    """Refuse what is no address of a server, or has a login in it.

    Raises:
        ValueError: Says why.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
        raise ValueError("must look like http://HOST:PORT")
    if "@" in parts.netloc:
        raise ValueError("holds a user or a password, which would stand in logs: leave them out")
    return url.rstrip("/")


class AnalysisSection(Section):
    """An analysis service outside: it reads what is fetched or uploaded, and gives records."""

    url: Annotated[str, AfterValidator(_is_plain)] | None = Field(
        default=None,
        description="Its address, as http://analysis:8001; not given: there is none. "
        "ML_ANALYZE_URL says the same; if both are given, this holds, as of all such names.",
    )
    is_on: bool = Field(
        default=True,
        description="Whether files go through it. A collection may be left out, too. "
        "USE_ML_PROCESSING says the same.",
    )
    blobs_there: str | None = Field(
        default=None,
        description="Where it sees the folder blobs.folder, from the root; not given: where the "
        "courier does.",
    )
    poll_interval_s: float = Field(
        default=5.0,
        ge=0.05,
        le=300,
        description="So often it is asked how far it is; less often while it answers with "
        "errors. ML_POLL_INTERVAL_SECONDS says the same.",
    )
    timeout_s: float = Field(
        default=30.0, gt=0, le=300, description="For each of its answers, as a whole."
    )
    refused_wait_s: float = Field(
        default=30.0,
        gt=0,
        le=300,
        description="If it does not let itself be connected to, it is asked again after so long.",
    )
    stalled_after_s: float = Field(
        default=1800.0,
        gt=0,
        description="If nothing of a file has moved there for so long, its job fails.",
    )

    @field_validator("url", mode="before")
    @classmethod
    def is_given(cls, given: Any) -> Any:
        """Take an empty address for none, as a file of variables has it."""
        return given or None

    @field_validator("blobs_there")
    @classmethod
    def is_from_the_root(cls, given: str | None) -> str | None:
        """Refuse a folder that is not named from the root."""
        if given is not None and not PurePosixPath(given).is_absolute():
            raise ValueError("must be a path from the root")
        return given

    @property
    def server(self) -> str | None:
        """The address that files go to; none if they go nowhere."""
        return self.url if self.is_on else None
