"""Names that would do harm wherever they were taken for more than names."""

import os
from pathlib import Path

import pytest

from tests.e2e.local_run import expected_records, rows, run_once, write_source

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
NAMES = (
    "a\nforged: line.jsonl",
    "b\r\nNats-Msg-Id: forged.jsonl",
    "c\x1b[2J\x1b]0;owned\x07.jsonl",
    "d' OR '1'='1.jsonl",
    'e"; DROP TABLE sources; --.jsonl',
    "f..\\..\\up.jsonl",
    "g [red]markup[/red] > * .jsonl",
    "h$(touch owned)`touch owned`.jsonl",
    "i\u202etxt\u2028.jsonl",
    "j%s%n{0}{x}.jsonl",
    "sub..\n/.jsonl",
)
OUTPUT = os.fsdecode('données "x" #$A%41 {1};\n'.encode() + b"\xff\xfe")


async def test_a_name_is_only_a_name(tmp_path: Path) -> None:
    # The folder of the output goes into the language of the bus's configuration as well.
    folder, output = tmp_path / "logs", tmp_path / OUTPUT
    for name in NAMES:
        write_source(folder / name, 3, "agent")
    (folder / "z\x1b[31m.jsonl").write_text('{"type": broken\x1b[2J\n{"final_answer": "x"}\n')

    done = await run_once(folder, output)

    # What cannot be read is told, and tells the terminal nothing.
    assert done.code == 3
    assert "dead letter: " in done.text
    assert r"\x1b[31m.jsonl" in done.text
    assert not set("\x1b\x07\r") & set(done.text)
    found = rows(output)
    assert {one["id"]: one["text"] for one in found} == expected_records(folder)
    assert {one["filename"] for one in found} == set(NAMES)
    assert {one.name for one in output.iterdir()} == {"default", "state"}
    assert not list(tmp_path.rglob("owned"))
