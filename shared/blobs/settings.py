"""What services read of section ``blobs``: where uploaded files lie, and how large they may be."""

from datetime import timedelta
from pathlib import Path

from pydantic import Field

from shared.settings import Section

MIB = 1 << 20


class BlobsSection(Section):
    """Uploaded files, for the services that take them and that read them."""

    folder: Path | None = Field(
        default=None,
        description="Folder of the uploaded files, the same one for gateway and discovery; not "
        "given: `blobs` in state.folder.",
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
