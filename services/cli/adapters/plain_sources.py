"""Reads a source again in the plainest way, as anybody would who knows the format.

It shares nothing with discovery's reader. What is not plain is not judged: lines that hold
anything but one object, bytes that are no UTF-8, texts in lists and parts, lines that died.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from services.cli.domain.kept import TextSum, text_sum
from shared.plain_paths import plain_path

AGENT_RUNS = "agent-runs 1"
JSONL = "jsonl 1 "
AROUND = b" \t\r\n\0"
READ_BYTES = 1 << 20
PROMPTS = ("messages", "prompt", "content", "text")


class NotPlain(Exception):  # noqa: N818  it names the source, not a failure
    """A source holds something that is not judged here."""


def sum_source(
    file: Path, filename: str, size: int, fingerprint: str, rules: str
) -> TextSum | None:
    """Sum the records of a source up; none if it has changed since, or is not plain.

    Args:
        file: Where it is.
        filename: Its name on the map.
        size: So much of it was read.
        fingerprint: The SHA-256 of that.
        rules: How it was cut, as the ledger spells it.
    """
    reader, _, _, most_bytes = json.loads(rules)
    try:
        if _digest(file, size) != fingerprint:
            return None
        return text_sum(_records(file, filename, size, reader, most_bytes))
    except (OSError, NotPlain, ValueError, RecursionError):
        return None


def _digest(file: Path, size: int) -> str:
    digest = hashlib.sha256()
    with open(plain_path(file), "rb") as opened:  # noqa: PTH123  it may be no UTF-8
        while piece := opened.read(min(READ_BYTES, size)):
            digest.update(piece)
            size -= len(piece)
    return digest.hexdigest()


def _records(
    file: Path, filename: str, size: int, reader: str, most_bytes: int
) -> Iterator[tuple[str, str]]:
    seen = Counter[int]()
    for value in _objects(file, size):
        found = _agent_run(value) if reader == AGENT_RUNS else _jsonl(value, reader)
        if found is None:
            continue
        iteration, text = found
        name = f"{filename}:{iteration}:{seen[iteration]}"
        seen[iteration] += 1
        cut = text.encode()[:most_bytes].decode(errors="ignore")
        yield hashlib.sha256(name.encode()).hexdigest(), cut


def _objects(file: Path, size: int) -> Iterator[dict[str, Any]]:
    with open(plain_path(file), "rb") as opened:  # noqa: PTH123  it may be no UTF-8
        while size > 0 and (line := opened.readline(size)):
            size -= len(line)
            if not (bare := line.strip(AROUND)):
                continue
            value = json.loads(bare.decode("utf-8-sig"))
            if not isinstance(value, dict):
                raise NotPlain
            yield value


def _agent_run(value: dict[str, Any]) -> tuple[int, str] | None:
    match value.get("type"):
        case "iteration":
            text = _string(value.get("response"))
            return (_whole(value.get("iteration")), text) if text else None
        case "initial_prompt":
            text = _prompt(value)
            return (0, text) if text else None
        case _:
            return None


def _jsonl(value: dict[str, Any], reader: str) -> tuple[int, str] | None:
    if not reader.startswith(JSONL):
        raise NotPlain
    text = _string(value.get(reader.removeprefix(JSONL)))
    number = value.get("iteration")
    return (0 if number is None else _whole(number), text) if text else None


def _prompt(value: dict[str, Any]) -> str:
    said = next((value[name] for name in PROMPTS if value.get(name)), None)
    if not isinstance(said, list):
        return _string(said)
    if not all(isinstance(one, dict) and "role" in one for one in said):
        raise NotPlain
    parts = [_string(one.get("content")) for one in said if one["role"] == "user"]
    return "\n".join(part for part in parts if part)


def _string(value: object) -> str:
    """Return a text, an empty one for nothing and for blanks."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise NotPlain
    value.encode()  # what cannot be written was changed by whoever stored it
    return value if value.strip() else ""


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise NotPlain
    return value
