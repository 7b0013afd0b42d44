"""What a message's headers tell about the batch in it, for whoever cannot or must not read it."""

from collections.abc import Mapping, Sequence
from typing import Any

from shared.contracts.batches import Batch

PREFIX = "mapstream-"
RECORDS = f"{PREFIX}records"
OPENED = f"{PREFIX}opened"
"""Of what projection sends: the last openings of its state, the newest first."""
HEADER_LIMIT = 900
DIGITS = 18
"""Longer numbers are nobody's count, and may not fit into the ledger."""


def header_text(value: object) -> str:
    """Write a value so that it fits into one header line, in ASCII, at most about 1 kB long."""
    text = str(value).encode("ascii", "backslashreplace").decode()
    text = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text).strip()
    return text if len(text) <= HEADER_LIMIT else text[: HEADER_LIMIT - 3] + "..."


def header_number(text: str | None) -> int | None:
    """Read a count; None if it is none."""
    if not text or len(text) > DIGITS or not (text.isascii() and text.isdigit()):
        return None
    return int(text)


def batch_headers(batch: Batch) -> dict[str, str]:
    """Tell in headers what a batch is a piece of."""
    facts = {
        "records": len(batch),
        "file": batch.descriptor.filename,
        "source-id": batch.descriptor.source_id,
        "source-version": batch.descriptor.source_version,
        "batch-id": batch.descriptor.batch_id,
    }
    return {f"{PREFIX}{name}": header_text(value) for name, value in facts.items()}


def batch_facts(headers: Mapping[str, str]) -> dict[str, Any]:
    """Read what ``batch_headers`` wrote, as fields of a dead letter; none if any is missing."""
    facts = {
        "records": header_number(headers.get(RECORDS)),
        "filename": headers.get(f"{PREFIX}file"),
        "source_id": headers.get(f"{PREFIX}source-id"),
        "source_version": header_number(headers.get(f"{PREFIX}source-version")),
        "batch_id": headers.get(f"{PREFIX}batch-id"),
    }
    return facts if None not in facts.values() else {}


def opened_headers(opened: Sequence[str]) -> dict[str, str]:
    """Tell in headers which state sends a message."""
    return {OPENED: header_text(" ".join(opened))} if opened else {}


def opened_of(headers: Mapping[str, str]) -> tuple[str, ...]:
    """Read what ``opened_headers`` wrote."""
    return tuple(headers.get(OPENED, "").split())
