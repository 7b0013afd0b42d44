"""Blobs, put in as the gateway does, and read as discovery does."""

import hashlib
from datetime import UTC, datetime
from typing import Any

from shared.blobs.local import BlobWriter
from shared.blobs.notes import BlobNote
from shared.blobs.ports import Blobs

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


def put(
    blobs: Blobs, content: bytes, job_id: str, *, most_bytes: int = LIMIT, **facts: Any
) -> str:
    writer = blobs.writer(job_id, most_bytes)
    try:
        writer.write(content)
        writer.keep(note_of(writer, job_id, **facts))
    finally:
        writer.close()
    assert writer.sha256 == hashlib.sha256(content).hexdigest()
    return writer.sha256


def read(blobs: Blobs, sha256: str) -> bytes:
    with blobs.reading(sha256) as path:
        return path.read_bytes()
