"""What is kept of a record, a line or a message that could not be mapped."""

from dataclasses import dataclass

MAX_BODY = 4 << 20
"""Of the original bytes at most this many are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """The original bytes and where they come from.

    ``key`` is unique among the dead letters of a stage and the same for every repetition, so that
    a dead letter is counted once.
    """

    key: str
    stage: str
    collection: str
    reason: str
    body: bytes
    records: int = 1
    """How many records are lost with it."""
    attempts: int = 1
    filename: str | None = None
    line: int | None = None
    byte_offset: int | None = None
    record_id: str | None = None
    source_id: str | None = None
    source_version: int | None = None
    batch_id: str | None = None
