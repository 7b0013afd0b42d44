"""Dead letters on the bus: the original bytes as body, everything else in the headers."""

from collections.abc import Mapping

from shared.bus.channels import DEAD
from shared.bus.outgoing import Outgoing
from shared.contracts.dead_letters import MAX_BODY, DeadLetter

PREFIX = "mapstream-"
HEADER_LIMIT = 900
DIGITS = 18
"""Longer numbers are nobody's count, and may not fit into the ledger."""


def outgoing_dead_letter(dead: DeadLetter) -> Outgoing:
    """Publish a dead letter: the original bytes, everything else in the headers."""
    facts = {
        "stage": dead.stage,
        "reason": dead.reason,
        "records": dead.records,
        "attempts": dead.attempts,
        "file": dead.filename,
        "line": dead.line,
        "byte-offset": dead.byte_offset,
        "record-id": dead.record_id,
        "source-id": dead.source_id,
        "source-version": dead.source_version,
        "batch-id": dead.batch_id,
        "key": dead.key,
        "body-bytes": len(dead.body),
    }
    headers = {
        f"{PREFIX}{name}": header_text(value) for name, value in facts.items() if value is not None
    }
    message_id = f"dead:{dead.stage}:{dead.key}"
    channel = DEAD[dead.stage]
    return Outgoing(channel, dead.collection, message_id, dead.body[:MAX_BODY], headers)


def header_text(value: object) -> str:
    """Write a value so that it fits into one header line, in ASCII, at most about 1 kB long."""
    text = str(value).encode("ascii", "backslashreplace").decode()
    text = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text).strip()
    return text if len(text) <= HEADER_LIMIT else text[: HEADER_LIMIT - 3] + "..."


def read_dead_letter(subject: str, headers: Mapping[str, str], body: bytes) -> DeadLetter:
    """Read a dead letter; what its headers do not tell is left open."""
    stage, collection = subject.rsplit(".", 2)[-2:]
    told = {name.removeprefix(PREFIX): text for name, text in headers.items()}
    return DeadLetter(
        key=told.get("key", ""),
        stage=stage,
        collection=collection,
        reason=told.get("reason", ""),
        body=body,
        records=_number(told.get("records")) or 0,
        attempts=_number(told.get("attempts")) or 1,
        filename=told.get("file"),
        line=_number(told.get("line")),
        byte_offset=_number(told.get("byte-offset")),
        record_id=told.get("record-id"),
        source_id=told.get("source-id"),
        source_version=_number(told.get("source-version")),
        batch_id=told.get("batch-id"),
    )


def _number(text: str | None) -> int | None:
    if not text or len(text) > DIGITS or not (text.isascii() and text.isdigit()):
        return None
    return int(text)
