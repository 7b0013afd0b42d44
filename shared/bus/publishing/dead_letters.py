"""Dead letters on the bus: the original bytes as body, everything else in the headers."""

from collections.abc import Mapping

from shared.bus.messages.headers import PREFIX, header_number, header_text
from shared.bus.messages.outgoing import Outgoing
from shared.bus.registry.channel import split_subject
from shared.bus.registry.dead_letters import DEAD
from shared.contracts.dead_letters import MAX_BODY, DeadLetter, parse_spans, spell_spans
from shared.redaction import redact


def outgoing_dead_letter(dead: DeadLetter) -> Outgoing:
    """Publish a dead letter: the original bytes, everything else in the headers."""
    facts = {
        "stage": dead.stage,
        "reason": redact(dead.reason),
        "records": dead.records,
        "attempts": dead.attempts,
        "file": dead.filename,
        "line": dead.line,
        "last-line": dead.last_line,
        "byte-offset": dead.byte_offset,
        "spans": spell_spans(dead.spans) if dead.spans else None,
        "record-id": dead.record_id,
        "source-id": dead.source_id,
        "source-version": dead.source_version,
        "batch-id": dead.batch_id,
        "key": dead.key,
        "subject": dead.subject,
        "body-bytes": dead.original_bytes,
    }
    headers = {
        f"{PREFIX}{name}": header_text(value) for name, value in facts.items() if value is not None
    }
    channel = DEAD[dead.stage]
    message_id = channel.message_id(dead.key)
    return Outgoing(channel, dead.collection, message_id, dead.body[:MAX_BODY], headers)


def read_dead_letter(subject: str, headers: Mapping[str, str], body: bytes) -> DeadLetter:
    """Read a dead letter; what its headers do not tell is left open."""
    family, collection = split_subject(subject)
    _, _, stage = family.rpartition(".")
    told = {name.removeprefix(PREFIX): text for name, text in headers.items()}
    size = header_number(told.get("body-bytes")) or 0
    return DeadLetter(
        key=told.get("key", ""),
        stage=stage,
        collection=collection,
        reason=told.get("reason", ""),
        body=body,
        records=header_number(told.get("records")) or 0,
        attempts=header_number(told.get("attempts")) or 1,
        filename=told.get("file"),
        line=header_number(told.get("line")),
        last_line=header_number(told.get("last-line")),
        byte_offset=header_number(told.get("byte-offset")),
        spans=parse_spans(told.get("spans", "")),
        record_id=told.get("record-id"),
        source_id=told.get("source-id"),
        source_version=header_number(told.get("source-version")),
        batch_id=told.get("batch-id"),
        size=size if size > len(body) else None,
        subject=told.get("subject"),
    )
