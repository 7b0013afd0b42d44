"""What a server says in an answer that is no vectors: its own words, in any of the usual forms."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NAMES = ("error", "message", "detail", "details", "msg", "error_message", "errors", "title",
         "description", "reason", "status")  # fmt: skip
"""Fields that hold the words, or something that holds them; the best first."""
CODES = {
    "invalid_api_key": 401,
    "authentication_error": 401,
    "insufficient_quota": 429,
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
    "model_not_found": 404,
    "invalid_request_error": 400,
    "context_length_exceeded": 400,
}
"""What the names that makers give to their errors mean as a status."""
FAILURES = range(400, 600)
DEEPEST = 6
PAGE = re.compile(r"(?i)^\s*(?:<!doctype|<html|<\?xml|<head|<body)")
LOOKED_AT = 8192
"""Characters of a page: a page may be made so that looking at all takes time by its square."""
TITLE = re.compile(r"(?is)<(title|h1)[^>]*>(.*?)</\1>")
TAG = re.compile(r"(?is)<(script|style)\b.*?</\1>|<[^>]*>")


@dataclass(frozen=True, slots=True)
class Said:
    """What an answer says is wrong."""

    words: str
    status: int | None = None
    """As the body tells it; None: it does not."""


def error_in(answer: Any) -> Said | None:
    """Return what an answer in JSON says is wrong; None: nothing."""
    if not isinstance(answer, Mapping):
        return None
    told = next((answer[name] for name in ("error", "errors") if answer.get(name)), None)
    if told is None and ("data" in answer or "vector" in answer):
        return None
    words = words_in(answer if told is None else told)
    return Said(words, _status(told, answer)) if words else None


def words_in(value: Any, depth: int = 0) -> str:
    """Find the words in whatever a server wraps them in."""
    if isinstance(value, str):
        return value.strip()
    if depth == DEEPEST:
        return ""
    if isinstance(value, Mapping):
        found = (words_in(value[name], depth + 1) for name in NAMES if name in value)
        words = next((one for one in found if one), "")
        place = value.get("loc") or value.get("param")
        is_path = isinstance(place, list) and all(isinstance(one, str | int) for one in place)
        where = ".".join(map(str, place)) if is_path else place if isinstance(place, str) else ""
        return f"{where}: {words}" if where and words and where not in words else words
    if isinstance(value, list):
        found = (words_in(one, depth + 1) for one in value[:3])
        return "; ".join(one for one in found if one)
    return ""


def _status(*places: Any) -> int | None:
    for place in places:
        if not isinstance(place, Mapping):
            continue
        for name in ("code", "status", "status_code", "statusCode", "type"):
            code = place.get(name)
            if isinstance(code, str):
                code = int(code) if re.fullmatch("[0-9]{3}", code) else CODES.get(code)
            if isinstance(code, int) and not isinstance(code, bool) and code in FAILURES:
                return code
    return None


def words_of_text(text: str) -> str:
    """Return what stands in a text; of a web page its title, else what it shows."""
    if not PAGE.match(text):
        return text
    title = TITLE.search(text, 0, LOOKED_AT)
    shown = TAG.sub(" ", title[2] if title else text[:LOOKED_AT])
    return f"a web page: {' '.join(shown.split())}"


def is_page(text: str) -> bool:
    """Tell whether a text is a web page."""
    return PAGE.match(text) is not None
