"""``mapstream top`` on a terminal of its own, beside a live run."""

import asyncio
import os
import pty
import struct
import sys
import termios
from fcntl import ioctl
from pathlib import Path

import pytest

from tests.e2e.local_run import live_run, wait_for_rows, write_source

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
PATIENCE_S = 100


async def read_until(terminal: int, words: set[str]) -> str:
    """Read what the terminal shows until all words were seen."""
    seen = ""
    async with asyncio.timeout(PATIENCE_S):
        while not all(word in seen for word in words):
            try:
                seen += os.read(terminal, 1 << 16).decode(errors="replace")
            except BlockingIOError:
                await asyncio.sleep(0.05)
    return seen


async def test_it_shows_a_live_run_and_leaves_on_q(tmp_path: Path) -> None:
    sources, output = tmp_path / "runs", tmp_path / "out"
    write_source(sources / "first.jsonl", 30, "hello")
    command = [sys.executable, "-m", "services.cli", "top", "--output", str(output)]
    async with live_run(sources, output):
        await wait_for_rows(output, lambda found: len(found) == 30)
        terminal, screen = pty.openpty()
        os.set_blocking(terminal, False)
        ioctl(screen, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 160, 0, 0))
        before = termios.tcgetattr(screen)
        process = await asyncio.create_subprocess_exec(
            *command, stdin=screen, stdout=screen, stderr=screen,
            env=os.environ | {"TERM": "xterm-256color"},
        )  # fmt: skip
        text = await read_until(terminal, {"discovery", "embedding", "projection", "writing",
                                           "waiting", "30 seen = 30 mapped"})  # fmt: skip
        os.write(terminal, b"q")
        async with asyncio.timeout(PATIENCE_S):
            while process.returncode is None:
                await read_until(terminal, set())
                await asyncio.sleep(0.05)
        after = termios.tcgetattr(screen)

        once = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        printed, _ = await once.communicate()

    assert process.returncode == 0
    assert "\x1b[?1049h" in text  # the alternate screen: the terminal's own content comes back
    assert after == before
    assert once.returncode == 0
    assert b"\x1b" not in printed
    lines = printed.decode().splitlines()
    assert sum(one.startswith(("discovery ", "embedding ", "projection ", "writing "))
               for one in lines) == 4  # fmt: skip
