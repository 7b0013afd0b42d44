"""The note beside a blob: whose it is, and where it came from."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobNote:
    """What is written beside a blob, once for everybody who handed it in."""

    job_id: str
    """Of what brought it; no two notes share it."""
    collection: str
    original_filename: str
    source_type: str
    """How it came: ``upload`` or ``url``."""
    source_url: str | None
    file_type: str
    """The end of its name, without the dot."""
    mime_type: str
    file_size_bytes: int
    checksum_sha256: str
    checksum_md5: str
    downloaded_at: datetime
    """When its last byte came, in UTC."""
    downloaded_by: str
    """Who handed it in."""

    def written(self) -> bytes:
        """Write it as JSON."""
        fields = asdict(self) | {"downloaded_at": self.downloaded_at.isoformat()}
        return (json.dumps(fields, ensure_ascii=False, indent=1) + "\n").encode()

    @classmethod
    def read(cls, written: bytes) -> Self:
        """Read what ``written`` has written.

        Raises:
            ValueError: It is something else.
        """
        try:
            fields: dict[str, Any] = json.loads(written)
            at = datetime.fromisoformat(fields["downloaded_at"])
            known = {name: fields[name] for name in cls.__slots__}
        except (KeyError, TypeError, RecursionError) as error:
            raise ValueError(f"it is no note of a blob: {error!r}") from error
        return cls(**known | {"downloaded_at": at})
