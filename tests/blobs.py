"""Blobs of a folder, put in as the gateway does."""

import hashlib
from datetime import UTC, datetime
from typing import Any

from shared.blobs.folder import BlobWriter, FolderBlobs
from shared.blobs.notes import BlobNote

AT = datetime(2026, 1, 1, 12, tzinfo=UTC)
LIMIT = 1 << 20


def note_of(writer: BlobWriter, job_id: str, **facts: Any) -> BlobNote:
    told: dict[str, Any] = {
        "collection": "default",
        "original_filename": "a.csv",
        "source_type": "upload",
        "source_url": None,
        "file_type": "csv",
        "mime_type": "text/csv",
        "file_size_bytes": writer.size,
        "checksum_sha256": writer.sha256,
        "checksum_md5": writer.md5,
        "downloaded_at": AT,
        "downloaded_by": "somebody",
    }
    return BlobNote(job_id=job_id, **told | facts)


def put(blobs: FolderBlobs, content: bytes, job_id: str, **facts: Any) -> str:
    writer = blobs.writer(job_id, LIMIT)
    writer.write(content)
    writer.keep(note_of(writer, job_id, **facts))
    assert writer.sha256 == hashlib.sha256(content).hexdigest()
    return writer.sha256
