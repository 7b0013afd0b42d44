"""Starts a process that reads a file, and takes what it finds.

A file that makes its reader take too much memory or time, or crashes it, is a file that cannot be
read: whoever asked goes on.
"""

import json
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import BinaryIO, Final

from shared.readers import wire
from shared.readers.child import OUT_OF_MEMORY, too_large
from shared.readers.errors import UnreadableFileError
from shared.readers.parts import Part
from shared.readers.told import Told

PIECE: Final = 1 << 18
PATIENCE: Final = 20
"""So many times as long may it say nothing by the clock: its disk may be gone."""
BOOT: Final = (
    "import json, sys; sys.path[:] = json.loads(sys.argv.pop(1)); "
    "from shared.readers.child import main; main()"
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What reading one file may take."""

    memory_mb: int = 512
    cpu_s: int = 60
    """And a second more for each 4 MiB of the file."""
    silent_s: float = 8
    """So long may it work without a word, and a second more for each MiB of the file: seconds of
    its own work, since other work on the machine says nothing about a file."""

    def of(self, size: int) -> "Limits":
        """Return the limits of a file of this size."""
        return replace(
            self, cpu_s=self.cpu_s + (size >> 22), silent_s=self.silent_s + size / (1 << 20)
        )


def read_in_process(
    file: BinaryIO, name: str, told: Told, limits: Limits | None = None
) -> Generator[Part]:
    """Read a file in a process of its own; when nobody asks for more, that ends.

    Args:
        file: An open file, not a pipe.
        name: Its name, a hint where its bytes could be either.
        told: What a person knows better.
        limits: What it may take.

    Yields:
        See ``reading.read_file``.

    Raises:
        UnreadableFileError: It cannot be read, or no further.
    """
    file.seek(0)
    limits = (limits or Limits()).of(os.fstat(file.fileno()).st_size)
    with _started(file, name, told, limits) as process:
        for line in _lines(process, PATIENCE * limits.silent_s):
            yield from wire.read(line)
        reason = _why_ended(process.wait(), limits)
    if reason is not None:
        raise reason


@contextmanager
def _started(
    file: BinaryIO, name: str, told: Told, limits: Limits
) -> Iterator[subprocess.Popen[bytes]]:
    asked = json.dumps(
        {
            "name": name,
            "told": asdict(told),
            "memory_mb": limits.memory_mb,
            "cpu_s": limits.cpu_s,
            "silent_s": limits.silent_s,
        }
    )
    process = subprocess.Popen(  # noqa: S603  this very Python
        [sys.executable, "-I", "-c", BOOT, json.dumps(sys.path), asked],
        stdin=file,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={},
        cwd="/",
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _lines(process: subprocess.Popen[bytes], patience_s: float) -> Iterator[bytes]:
    if process.stdout is None:
        return
    descriptor = process.stdout.fileno()
    held = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        while True:
            if not selector.select(patience_s):
                raise UnreadableFileError(
                    f"nothing came of it for {patience_s:.0f} s", "see that its disk is well"
                )
            piece = os.read(descriptor, PIECE)
            if not piece:
                return
            held += piece
            *whole, rest = held.split(b"\n")
            yield from map(bytes, whole)
            held = bytearray(rest)


def _why_ended(code: int, limits: Limits) -> UnreadableFileError | None:
    if code == 0:
        return None
    if code == -signal.SIGPROF:
        return UnreadableFileError(
            f"in {limits.silent_s:.0f} s of work nothing came of it", "split it, or save it as CSV"
        )
    if code == -signal.SIGXCPU:
        return UnreadableFileError(
            f"reading it takes more than {limits.cpu_s} s", "split it, or save it as CSV"
        )
    if code in (OUT_OF_MEMORY, -signal.SIGABRT, -signal.SIGKILL):
        return UnreadableFileError(*too_large(limits.memory_mb))
    return UnreadableFileError(
        f"its reader crashed ({_named(code)})",
        "open it in its program and save it anew, or as CSV",
    )


def _named(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"code {code}"
