"""Reads a log in the plainest form that says the same: no streams, no batches, one parser.

It is the reference for the reader that the service has; nothing of that one is used here.
"""

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from hashlib import sha256
from typing import Any

PARSER = json.JSONDecoder()
MANY = 100


@dataclass
class Reading:
    """What became of each part of each line."""

    records: list[dict[str, Any]] = field(default_factory=list)
    bad: list[tuple[int, int, int, bytes]] = field(default_factory=list)
    """Line, position in the line, byte offset and bytes of what is to be dead-lettered."""
    skipped: list[tuple[int, int]] = field(default_factory=list)
    """Line and byte offset of objects that are no records: another type, or no text."""


def read(content: bytes, filename: str) -> Reading:
    reading = Reading()
    offset = 0
    for number, line in enumerate(content.split(b"\n"), 1):
        _read_line(line, number, offset, filename, reading)
        offset += len(line) + 1
    return reading


def _read_line(line: bytes, number: int, offset: int, filename: str, reading: Reading) -> None:
    content = line.strip(b"\0")
    at = line.find(content)
    at += 3 if content.startswith(b"\xef\xbb\xbf") else 0
    text = content.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
    position, bad = 0, 0
    while rest := text.lstrip(" \t\r\n\0"):
        at += len(text) - len(rest)
        size, value = _first_value(rest) if bad < MANY else (0, None)
        if not size and bad < MANY:
            size = len(re.split("[ \t\r\n\0]*\0[ \t\r\n\0]*{", rest, maxsplit=1)[0])
        data = rest[: size or len(rest)].encode("utf-8", "surrogateescape")
        where = (number, position, offset + at, data)
        if not isinstance(value, dict) or not _is_usable(value):
            reading.bad.append(where)
            bad += not isinstance(value, dict)
        elif value.get("type") in ("iteration", "initial_prompt") and _has_text(value):
            reading.records.append(_record(value, number, offset + at, filename, reading))
        else:
            reading.skipped.append((number, offset + at))
        at, position, text = at + len(data), position + 1, rest[size:] if size else ""


def _first_value(text: str) -> tuple[int, Any]:
    try:
        value, size = PARSER.raw_decode(text)
    except (ValueError, RecursionError):
        return 0, None
    return size, value


def _is_usable(value: dict[str, Any]) -> bool:
    """Tell whether a record can be made of an object, or none is to be made."""
    if value.get("type") not in ("iteration", "initial_prompt") or not _has_text(value):
        return not _is_bottomless(value)
    number = value.get("iteration")
    is_whole = not isinstance(number, bool) and isinstance(number, int | float)
    return value["type"] == "initial_prompt" or (
        is_whole and -(2**31) <= number < 2**31 and number == int(number)
    )


def _is_bottomless(value: dict[str, Any]) -> bool:
    try:
        _text(value)
    except RecursionError:
        return True
    return False


def _has_text(value: dict[str, Any]) -> bool:
    try:
        return bool(_text(value).strip())
    except RecursionError:
        return False


def _text(value: dict[str, Any]) -> str:
    if value.get("type") == "iteration":
        text = _flat(value.get("response"))
    elif value.get("type") == "initial_prompt":
        names = ("messages", "prompt", "content", "text")
        said = next((value[name] for name in names if value.get(name)), None)
        if isinstance(said, dict):
            said = said.get("messages", [said])
        if isinstance(said, list) and any(isinstance(one, dict) and "role" in one for one in said):
            said = [one for one in said if isinstance(one, dict) and one.get("role") == "user"]
        text = _flat(said)
    else:
        text = ""
    return "".join("\ufffd" if "\ud800" <= one <= "\udfff" else one for one in text)


def _flat(content: Any) -> str:
    if content is None or content in ([], {}):
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(text for one in content if (text := _flat(one)))
    if isinstance(content, dict) and "text" in content:
        return _flat(content["text"])
    if isinstance(content, dict) and "content" in content:
        return _flat(content["content"])
    return json.dumps(content, ensure_ascii=False)


def _record(
    value: dict[str, Any], number: int, offset: int, filename: str, reading: Reading
) -> dict[str, Any]:
    iteration = 0 if value["type"] == "initial_prompt" else int(value["iteration"])
    idx = sum(one["iteration"] == iteration for one in reading.records)
    return {
        "id": sha256(f"{filename}:{iteration}:{idx}".encode()).hexdigest(),
        "timestamp": _time(value.get("timestamp")),
        "filename": filename,
        "text": _text(value),
        "iteration": iteration,
        "idx_in_iteration": idx,
        "type": value["type"],
        "truncated": False,
        "line": number,
        "byte_offset": offset,
        "attributes": _attributes(value),
    }


def _attributes(value: dict[str, Any]) -> str | None:
    inner = value.get("trace_metrics")
    inner = inner if isinstance(inner, dict) else {}
    found = {}
    for name in ("outcome", "final_answer", "usage", "cost"):
        said = value.get(name) if value.get(name) is not None else inner.get(name)
        if said is None:
            continue
        try:
            said = _flat(said)[:1000] if name == "final_answer" else said
            text = json.dumps(said, ensure_ascii=False, allow_nan=False)
        except (ValueError, RecursionError):
            continue
        if name == "final_answer" or len(text) <= 1000:
            text = "".join("\ufffd" if "\ud800" <= one <= "\udfff" else one for one in text)
            found[name] = json.loads(text)
    return json.dumps(found, ensure_ascii=False) if found else None


def _time(given: Any) -> datetime | None:
    text = "" if isinstance(given, bool) else str(given).strip()
    is_day = re.fullmatch("[0-9]{8}", text)
    if not is_day and re.fullmatch(r"[-+]?[0-9.]+(e[-+]?[0-9]+)?", text, re.IGNORECASE):
        return _moment(text)
    if not isinstance(given, str) or not re.match(r"[0-9W-]{8,10}([Tt ]|$)", text):
        return None
    if re.search(r"[Tt ][0-9]{2}(:?[0-9]{2})?[.,]", text):
        return None  # a part of a minute, which Python takes for one of a second
    try:
        time = datetime.fromisoformat(text.upper())
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _moment(text: str) -> datetime | None:
    try:
        number = Fraction(text)
    except ValueError:
        return None
    for places in (0, 3, 6, 9):
        seconds = number / 10**places
        if 631_152_000 <= seconds < 4_133_980_800:
            return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(seconds * 10**6))
    return None
