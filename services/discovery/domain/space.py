"""When it is asked whether a new version of a source has room, and for how much."""

from services.discovery.domain.ledger import SourceRecord

ASKED_FROM_BYTES = 256 << 10
"""A smaller content is not worth a question: its rows find room wherever a log file does."""
RECORD_BYTES = 4 << 10
"""Of a source of which nothing is known that tells how long its records are."""
TELLING_BYTES = 64 << 10
"""A shorter content tells nothing of the length of records: it may be one short line."""
MB = 10**6


def is_to_be_asked(known: SourceRecord | None, size: int) -> bool:
    """Tell whether a content of so many bytes takes room beside what is on the map."""
    return known is not None and size > ASKED_FROM_BYTES and bool(known.mapped or known.replaces)


def expected_records(known: SourceRecord, size: int) -> int:
    """Estimate how many records a content has, from the one that was read before it."""
    before = known.content_size or 0
    if before >= TELLING_BYTES and known.seen:
        return max(1, known.seen * size // before)
    return max(1, size // RECORD_BYTES)


def why_no_room(free_bytes: int, needed_bytes: int) -> str:
    """Say that a version is not read, with both numbers."""
    return (
        f"no room for a new version: {free_bytes / MB:,.1f} MB free beside the dataset; needed: "
        f"{needed_bytes / MB:,.1f} MB until it is shown; make room, and it is read by itself. The "
        "version before stays on the map"
    )
