r"""What a line of an agent-run log says: a record, nothing, or something unusable.

Decided here: text that is no string is still text if it holds any (the ``text`` or ``content`` of
a part or message, several joined by newlines; anything else as JSON); an entry whose iteration is
no 32-bit integer has no identity, so it is bad; lone surrogates become U+FFFD.
"""

import json
import re
from typing import Any

from services.discovery.domain.entries import Draft
from services.discovery.domain.timestamps import parse_timestamp

MAX_INT32 = 2**31 - 1
MESSAGE_FIELDS = ("messages", "prompt", "content", "text")
TEXT_FIELDS = ("text", "content")
ATTRIBUTES = ("outcome", "final_answer", "usage", "cost")
ATTRIBUTE_CHARACTERS = 1000
_SURROGATES = re.compile("[\ud800-\udfff]")


def draft_of(value: dict[str, Any]) -> Draft | str | None:
    """Return what there is to map of an entry, None if it has no text, or why it is unusable."""
    kind = value.get("type")
    try:
        text = text_of(value)
    except RecursionError:
        return "its text is nested too deeply"
    if not isinstance(kind, str) or text is None:
        return None
    iteration = 0 if kind == "initial_prompt" else iteration_of(value.get("iteration"))
    if iteration is None:
        return f"iteration is {_shown(value.get('iteration'))}, not a 32-bit integer"
    timestamp = parse_timestamp(value.get("timestamp"))
    return Draft(text, iteration, kind, timestamp, attributes_of(value))


def attributes_of(value: dict[str, Any]) -> str | None:
    """Return what an entry says of its run beside the text, as a JSON object; None: nothing.

    What it says of these is taken as it is, from the entry itself or else from its metrics; of a
    long answer there is the beginning, and of anything else that is long, nothing.
    """
    metrics = value.get("trace_metrics")
    places = (value, metrics) if isinstance(metrics, dict) else (value,)
    found: dict[str, Any] = {}
    for name in ATTRIBUTES:
        said = next((place[name] for place in places if place.get(name) is not None), None)
        if said is not None and (kept := _kept(name, said)) is not None:
            found[name] = kept
    return json.dumps(found, ensure_ascii=False) if found else None


def _kept(name: str, said: Any) -> Any:
    try:
        if name == "final_answer":
            said = plain_text(said)[:ATTRIBUTE_CHARACTERS]
        written = json.dumps(said, ensure_ascii=False, allow_nan=False)
    except (ValueError, RecursionError):  # it is no JSON after all, or nested too deeply
        return None
    if name != "final_answer" and len(written) > ATTRIBUTE_CHARACTERS:
        return None
    return json.loads(without_surrogates(written))


def text_of(value: dict[str, Any]) -> str | None:
    """Return the text of an entry, or None if it is of a kind without text or has none."""
    kind = value.get("type")
    if kind == "iteration":
        text = plain_text(value.get("response"))
    elif kind == "initial_prompt":
        text = _prompt_text(value)
    else:
        return None
    text = without_surrogates(text)
    return text if text.strip() else None


def without_surrogates(text: str) -> str:
    """Return text that can be written: lone surrogates become U+FFFD."""
    return _SURROGATES.sub("\ufffd", text)


def plain_text(content: Any) -> str:
    """Return the text in a string, a part, a message or a list of them."""
    if content is None or content in ([], {}):
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(text for text in map(plain_text, content) if text)
    if isinstance(content, dict):
        for field in TEXT_FIELDS:
            if field in content:
                return plain_text(content[field])
    return json.dumps(content, ensure_ascii=False)


def _prompt_text(value: dict[str, Any]) -> str:
    found = next((value[field] for field in MESSAGE_FIELDS if value.get(field)), None)
    if isinstance(found, dict):
        found = found.get("messages", [found])
    if not isinstance(found, list):
        return plain_text(found)
    if any(isinstance(message, dict) and "role" in message for message in found):
        found = [m for m in found if isinstance(m, dict) and m.get("role") == "user"]
    return plain_text(found)


def iteration_of(value: Any) -> int | None:
    """Return a number of an iteration; None: it is no 32-bit integer."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if -MAX_INT32 - 1 <= value <= MAX_INT32 else None


def _shown(value: Any) -> str:
    if value is None:
        return "missing"
    if isinstance(value, list | dict):  # may be nested too deeply to be written
        return "a list" if isinstance(value, list) else "an object"
    return repr(value)[:40]
