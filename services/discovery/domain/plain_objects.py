"""What an object of any JSONL file says: the text in one of its fields, and the rest beside it.

Decided here: an object without text in that field holds no record; ``iteration``, ``timestamp``
and ``type`` mean what they mean in a log of an agent, and may be missing: then all records count
as of one iteration, in file order. Every other field is an attribute, as far as there is room.
"""

import json
from typing import Any

from services.discovery.domain.agent_runs import (
    ATTRIBUTE_CHARACTERS,
    iteration_of,
    plain_text,
    without_surrogates,
)
from services.discovery.domain.entries import Draft
from services.discovery.domain.timestamps import parse_timestamp

TYPE = "record"
"""Of what says none."""
ALL_CHARACTERS = 4 * ATTRIBUTE_CHARACTERS
"""Of all attributes of a record, since a message is bounded."""
_OWN = ("iteration", "timestamp", "type")


def draft_of(value: dict[str, Any], text_field: str) -> Draft | str | None:
    """Return what there is to map of an object, None if it has no text, or why it is unusable."""
    try:
        text = without_surrogates(plain_text(value.get(text_field)))
    except RecursionError:
        return "its text is nested too deeply"
    if not text.strip():
        return None
    kind = value.get("type")
    return Draft(
        text,
        iteration_of(value.get("iteration")) or 0,
        without_surrogates(kind) if isinstance(kind, str) and kind else TYPE,
        parse_timestamp(value.get("timestamp")),
        _attributes_of(value, text_field),
    )


def _attributes_of(value: dict[str, Any], text_field: str) -> str | None:
    said: dict[str, Any] = {}
    room = ALL_CHARACTERS
    for name, one in value.items():
        if name in (*_OWN, text_field) or one is None:
            continue
        try:
            written = json.dumps([name, one], ensure_ascii=False, allow_nan=False)
        except (ValueError, RecursionError):  # it is no JSON after all, or nested too deeply
            continue
        if len(written) <= min(ATTRIBUTE_CHARACTERS, room):
            room -= len(written)
            key, kept = json.loads(without_surrogates(written))
            said[key] = kept
    return json.dumps(said, ensure_ascii=False) if said else None
