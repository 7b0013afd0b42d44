"""What services read of section ``blobs``: where uploaded files lie, and how large they may be."""

from datetime import timedelta
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from shared.bearer import Password
from shared.settings import Section

MIB = 1 << 20
BUCKET = r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9_=][A-Za-z0-9._=-]*)*/?$"


class BlobsSection(Section):
    """Uploaded files, for the services that take them and that read them."""

    folder: Path | None = Field(
        default=None,
        description="Folder of the uploaded files, the same one for gateway and discovery; not "
        "given: `blobs` in state.folder. With blobs.url: where files lie while they come, and "
        "some of those that were read; each service may have one of its own.",
    )
    url: str | None = Field(
        default=None,
        pattern=BUCKET,
        description="Bucket of the uploaded files, instead of a folder: s3://BUCKET, or "
        "s3://BUCKET/PREFIX; the same one for gateway, courier and discovery.",
    )
    s3_endpoint: str | None = Field(
        default=None,
        description="Where it is, if that is not AWS, as https://minio:9000. With http:// all "
        "goes unencrypted. Not given: AWS_ENDPOINT_URL, or else AWS.",
    )
    s3_region: str | None = Field(
        default=None, description="Its region; not given: AWS_REGION, or else us-east-1."
    )
    s3_access_key_id: str | None = Field(
        default=None,
        description="The key that may list, read, write and delete there; not given: "
        "AWS_ACCESS_KEY_ID, or what else AWS gives a machine or a container.",
    )
    s3_secret_access_key: Password = Field(
        default=None, description="The secret of that key; not given: AWS_SECRET_ACCESS_KEY."
    )
    s3_session_token: Password = Field(
        default=None, description="The token of a key that is given for a time only."
    )
    cache_mb: int = Field(
        default=1024,
        ge=0,
        description="With blobs.url: discovery keeps so much of what it has read, MiB, to read it "
        "again.",
    )
    max_file_mb: int = Field(
        default=50,
        ge=1,
        le=500,
        description="The largest file that may be uploaded, MiB. MAX_FILE_SIZE_MB says the same.",
    )
    max_files: int = Field(
        default=20, ge=1, le=100, description="The most files that one request may upload."
    )
    quota_mb: int = Field(
        default=10_240,
        ge=1,
        description="The most that the uploaded files of a collection may take together, MiB.",
    )
    max_unfinished: int = Field(
        default=20,
        ge=1,
        le=1000,
        description="The most uploads that one person has in a collection and has not brought to "
        "their end.",
    )
    keep_leftovers_hours: float = Field(
        default=24,
        ge=1,
        le=168,
        description="After so many hours what a broken upload has left is removed, also if it "
        "could be continued. FILE_CLEANUP_TTL_HOURS says the same.",
    )

    @field_validator(
        "url", "s3_endpoint", "s3_region", "s3_access_key_id", "s3_secret_access_key",
        "s3_session_token", mode="before",
    )  # fmt: skip
    @classmethod
    def take_nothing_for_none(cls, given: Any) -> Any:
        """Have an empty variable say that there is none, as a file of variables has it."""
        return None if given == "" else given

    @field_validator("s3_endpoint")
    @classmethod
    def check_endpoint(cls, given: str | None) -> str | None:
        """Refuse what is no address of a server, or has a login in it."""
        if given is None:
            return None
        parts = urlsplit(given)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
            raise ValueError("must look like https://HOST:PORT")
        if "@" in parts.netloc:
            raise ValueError("holds a user or a password, which would stand in logs: leave it out")
        return given.rstrip("/")

    @model_validator(mode="after")
    def require_bucket(self) -> Self:
        """Refuse what would have no effect, or could not work."""
        given = (self.s3_endpoint, self.s3_region, self.s3_access_key_id, self.s3_session_token)
        if self.url is None and any(one is not None for one in given):
            raise ValueError("what begins with s3_ needs url, as s3://BUCKET")
        if (self.s3_access_key_id is None) != (self.s3_secret_access_key is None):
            raise ValueError("s3_access_key_id and s3_secret_access_key need each other")
        return self

    def folder_in(self, state: Path) -> Path:
        """Return where the files lie, given the folder of the services' state."""
        return self.folder or state / "blobs"

    @property
    def keep_leftovers(self) -> timedelta:
        """How long what a broken upload has left is kept."""
        return timedelta(hours=self.keep_leftovers_hours)

    @property
    def max_file_bytes(self) -> int:
        """The largest file, bytes."""
        return self.max_file_mb * MIB

    @property
    def quota_bytes(self) -> int:
        """The most of a collection, bytes."""
        return self.quota_mb * MIB
