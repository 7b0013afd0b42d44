"""A source read again, by hand as it were."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from services.cli.adapters.plain_sources import sum_source
from services.cli.domain.kept import TextSum, text_sum

RUNS = json.dumps(["agent-runs 1", 1 << 20, 100, 40])
TEXTS = json.dumps(["jsonl 1 body", 1 << 20, 100, 40])


def summed(folder: Path, data: bytes, rules: str = RUNS, **changes: Any) -> TextSum | None:
    file = folder / "a.jsonl"
    file.write_bytes(data)
    facts: dict[str, Any] = {"size": len(data), "fingerprint": sha256(data).hexdigest()} | changes
    return sum_source(file, "a.jsonl", rules=rules, **facts)


def lines(*values: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in values)


def step(number: Any, text: Any) -> dict[str, Any]:
    return {"type": "iteration", "iteration": number, "response": text}


def records(*named: tuple[str, str]) -> TextSum:
    return text_sum((sha256(f"a.jsonl:{name}".encode()).hexdigest(), text) for name, text in named)


def test_ids_count_the_texts_of_an_iteration(tmp_path: Path) -> None:
    data = lines(step(1, "one"), step(1, " "), step(2, "two"), {"type": "end"}, step(1, "again"))

    assert summed(tmp_path, data) == records(("1:0", "one"), ("2:0", "two"), ("1:1", "again"))


def test_a_prompt_is_what_the_user_said(tmp_path: Path) -> None:
    messages = [
        {"role": "system", "content": "you are"},
        {"role": "user", "content": "do"},
        {"role": "user", "content": "this"},
    ]
    data = lines({"type": "initial_prompt", "messages": messages})

    assert summed(tmp_path, data) == records(("0:0", "do\nthis"))


def test_another_field_may_have_the_text(tmp_path: Path) -> None:
    data = lines({"body": "one"}, {"other": "no"}, {"body": "two", "iteration": 3})

    assert summed(tmp_path, data, TEXTS) == records(("0:0", "one"), ("3:0", "two"))


def test_a_long_text_is_cut_between_characters(tmp_path: Path) -> None:
    assert summed(tmp_path, lines(step(1, "ä" * 21))) == records(("1:0", "ä" * 20))


def test_what_was_appended_later_is_not_read(tmp_path: Path) -> None:
    data = lines(step(1, "one"))
    file = data + lines(step(2, "two"))

    found = summed(tmp_path, file, size=len(data), fingerprint=sha256(data).hexdigest())

    assert found == records(("1:0", "one"))


@pytest.mark.parametrize(
    "data",
    [
        lines(step(1, ["part"])),
        lines(step("first", "text")),
        b"[1]\n",
        b"{broken\n",
        b'{"type": "iteration", "iteration": 1, "response": "\xff"}\n',
        lines(step(1, "\ud800")),
    ],
)
def test_what_is_not_plain_is_not_judged(tmp_path: Path, data: bytes) -> None:
    assert summed(tmp_path, data) is None


def test_what_has_changed_since_is_not_judged(tmp_path: Path) -> None:
    assert summed(tmp_path, lines(step(1, "one")), fingerprint="0" * 64) is None


def test_what_another_reader_has_read_is_not_judged(tmp_path: Path) -> None:
    rules = json.dumps(["tables 1", 1 << 20, 100, 40])

    assert summed(tmp_path, lines({"body": "one"}), rules) is None
