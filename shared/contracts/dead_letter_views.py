"""What people and programs are shown of a dead letter, on the command line and over HTTP."""

from typing import Any

from shared.contracts.batches import decode
from shared.contracts.dead_letters import StoredLetter
from shared.errors import InvalidMessage


def facts_of(one: StoredLetter) -> dict[str, Any]:
    """Return all that is known of a letter, its bytes excepted."""
    letter = one.letter
    return {
        "sequence": one.sequence,
        "stored_at": one.stored_at.isoformat(),
        "stage": letter.stage,
        "collection": letter.collection,
        "reason": letter.reason,
        "attempts": letter.attempts,
        "records": letter.records,
        "filename": letter.filename,
        "line": letter.line,
        "last_line": letter.last_line,
        "byte_offset": letter.byte_offset,
        "bytes": letter.original_bytes,
        "record_id": letter.record_id,
        "source_id": letter.source_id,
        "source_version": letter.source_version,
        "batch_id": letter.batch_id,
        "subject": letter.subject,
    }


def content_of(body: bytes) -> list[dict[str, Any]] | str | None:
    """Return a batch's records without their vectors, or the text, or none if it is neither."""
    try:
        rows = decode(body).rows
    except InvalidMessage:
        pass
    else:
        names = [name for name in rows.schema.names if name != "vector"]
        return rows.select(names).to_pylist()
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None
