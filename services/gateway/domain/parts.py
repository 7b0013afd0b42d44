"""What comes in a body of several parts, in order."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PartBegun:
    """A part begins; its bytes follow."""

    field: str
    filename: str | None
    """The name of a file, as it was given; None: it is a field."""
    media_type: str


@dataclass(frozen=True, slots=True)
class PartEnded:
    """All bytes of the part have come."""


Incoming = PartBegun | bytes | PartEnded


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """What may be uploaded."""

    max_file_bytes: int
    max_files: int
    """In one request."""
    quota_bytes: int
    """The most that the files of a collection may take together."""
    max_unfinished: int = 20
    """The most uploads of a person in a collection that are not at their end."""

    @property
    def max_body_bytes(self) -> int:
        """The longest body: so many files of that size, and what stands around them."""
        return self.max_files * (self.max_file_bytes + AROUND_BYTES) + MOST_OPTIONS


MOST_OPTIONS = 64 << 10
"""Bytes of what is said of the files."""
AROUND_BYTES = 8 << 10
