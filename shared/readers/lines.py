"""The lines of a text file, with their ends, and what in them nobody can see."""

import io
import re
from collections.abc import Iterator
from typing import BinaryIO, Final

from shared.readers.encodings import BAD_BYTES, Encoding, shown_byte
from shared.readers.parts import Warnings

C1: Final = re.compile("[\x80-\x9f]")
"""Controls that no text has: where they stand, Windows-1252 was taken for Latin-1."""
LONGEST: Final = 4 << 20
Numbered = tuple[int, str]


def lines_of(file: BinaryIO, encoding: Encoding, warnings: Warnings) -> Iterator[tuple[int, str]]:
    r"""Read the lines of a file with their numbers; each keeps its end, ``\r\r\n`` too.

    A line that is longer than 4 Mi characters comes in pieces of that length.
    """
    file.seek(encoding.skip)
    text = io.TextIOWrapper(file, encoding.codec, errors=BAD_BYTES, newline="")
    held, number = "", 0
    try:
        while line := text.readline(LONGEST):
            if len(line) == LONGEST and not line.endswith(("\r", "\n")):
                told = f"lines are longer than {LONGEST >> 20} Mi characters, and read in pieces"
                warnings.add("long-line", told, f"line {number + 1}")
            if held and line == "\r\n":
                held += line
                continue
            if held:
                number += 1
                yield number, seen(held, number, warnings)
            held = line
            if not line.endswith("\r"):
                number += 1
                yield number, seen(line, number, warnings)
                held = ""
        if held:
            yield number + 1, seen(held, number + 1, warnings)
    finally:
        text.detach()


def warn_of(encoding: Encoding, warnings: Warnings) -> None:
    """Tell what of a file's encoding is a guess."""
    if encoding.bad_bytes:
        text = "bytes are not UTF-8 as the others; they are shown as Windows-1252 has them"
        warnings.add("bad-bytes", text, count=encoding.bad_bytes)
    elif not encoding.is_certain:
        text = f"nothing says how the text is written; it is read as {encoding.codec}"
        warnings.add("encoding-guessed", text)


def seen(line: str, number: int, warnings: Warnings) -> str:
    """Return a line as a person sees it: without NULs, C1 controls as what was meant."""
    if "\0" in line:
        warnings.add("nul", "zero bytes were left out", f"line {number}", count=line.count("\0"))
        line = line.replace("\0", "")
    if line.isascii():
        return line
    if C1.search(line):
        text = "control characters are shown as what Windows-1252 has in their place"
        warnings.add("c1", text, f"line {number}", count=len(C1.findall(line)))
        line = C1.sub(lambda found: shown_byte(ord(found[0])), line)
    if "\ufffd" in line:
        text = "characters that could not be read are shown as U+FFFD"
        warnings.add("unreadable", text, f"line {number}", count=line.count("\ufffd"))
    return line.removeprefix("\ufeff") if number == 1 else line


def without_end(line: str) -> str:
    """Return a line without its end, whichever it is."""
    return line.rstrip("\r\n")
