"""Writes files that upset readers: huge lines, odd names, things that are no files."""

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

BLOCK = 1 << 20


def entry(number: int, response: str, **more: object) -> str:
    value = {"type": "iteration", "iteration": number, "response": response} | more
    return json.dumps(value) + "\n"


def write_with_huge_line(path: Path, size: int) -> None:
    """Write a log whose second of three lines is one object of so many bytes."""
    beside = path.with_suffix(".part")
    with beside.open("wb") as file:
        file.write(entry(1, "before").encode())
        file.write(b'{"type": "iteration", "iteration": 2, "response": "')
        for _ in range(size // BLOCK):
            file.write(b"x" * BLOCK)
        file.write(b'"}\n')
        file.write(entry(3, "after", final_answer="done").encode())
    beside.rename(path)


def odd_names() -> Iterator[bytes]:
    """Names that a file system takes; each is one file, whatever it looks like."""
    yield b"new\nline.jsonl"
    yield b"carriage\rreturn.jsonl"
    yield b"tab\tand space .jsonl"
    yield b"\xff\xfe.jsonl"
    yield b"\\xff\\xfe.jsonl"
    yield "ü\N{PILE OF POO}'\";$(x) --.jsonl".encode()
    yield b"\x1b[31mred.jsonl"
    yield b"n" * 249 + b".jsonl"
    yield b"/".join([b"d" * 200] * 12) + b"/deep.jsonl"


def write_oddly_named(folder: Path) -> int:
    """Write a log of one record under each odd name; returns how many."""
    count = 0
    for name in odd_names():
        path = os.path.join(os.fsencode(folder), name)  # noqa: PTH118  bytes
        os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120
        with open(path, "w") as file:  # noqa: PTH123
            file.write(entry(1, f"odd name number {count}", final_answer="done"))
        count += 1
    return count


def write_what_is_no_file(folder: Path) -> None:
    """Put what looks like logs and is none: pipes, sockets, devices, circles."""
    os.mkfifo(folder / "pipe.jsonl")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "socket.jsonl"))
    (folder / "zero.jsonl").symlink_to("/dev/zero")
    (folder / "nowhere.jsonl").symlink_to(folder / "gone")
    (folder / "self.jsonl").symlink_to(folder / "self.jsonl")
    (folder / "circle").symlink_to(folder)
    (folder / "folder.jsonl").mkdir()
    (folder / "empty.jsonl").touch()
    (folder / "zeros.jsonl").write_bytes(b"\0" * BLOCK)


def write_many_small(folder: Path, count: int) -> None:
    """Write so many logs of one record, five hundred to a folder."""
    for number in range(count):
        place = folder / f"{number // 500:04}"
        place.mkdir(parents=True, exist_ok=True)
        text = entry(1, f"agent {number} thinks about {number * 7919 % 101}", final_answer="x")
        (place / f"{number}.jsonl").write_text(text)
