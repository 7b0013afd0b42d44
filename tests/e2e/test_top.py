"""``mapstream top`` on a terminal of its own, beside a live run."""

import asyncio
import os
import pty
import struct
import sys
import termios
from collections.abc import Callable
from fcntl import ioctl
from pathlib import Path

import pytest

from shared.services import STAGES
from tests.e2e.local_run import live_run, write_source

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
PATIENCE_S = 180


async def read_until(terminal: int, is_enough: Callable[[str], bool]) -> str:
    """Read what the terminal shows until it is enough; unread, the program would stand still."""
    seen = ""
    async with asyncio.timeout(PATIENCE_S):
        while not is_enough(seen):
            try:
                seen += os.read(terminal, 1 << 16).decode(errors="replace")
            except BlockingIOError:
                await asyncio.sleep(0.05)
    return seen


async def test_it_shows_a_live_run_and_leaves_on_q(tmp_path: Path) -> None:
    sources, output = tmp_path / "runs", tmp_path / "out"
    write_source(sources / "first.jsonl", 30, "hello")
    command = [sys.executable, "-m", "services.cli", "top", "--output", str(output)]
    async with live_run(sources, output) as run:
        await run.settled(30)
        terminal, screen = pty.openpty()
        os.set_blocking(terminal, False)
        ioctl(screen, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 160, 0, 0))
        before = termios.tcgetattr(screen)
        process = await asyncio.create_subprocess_exec(
            *command, stdin=screen, stdout=screen, stderr=screen,
            env=os.environ | {"TERM": "xterm-256color"},
        )  # fmt: skip
        words = {*STAGES, "waiting", "30 seen = 30 mapped"}
        text = await read_until(terminal, lambda seen: all(word in seen for word in words))
        os.write(terminal, b"q")
        await read_until(terminal, lambda _: process.returncode is not None)
        after = termios.tcgetattr(screen)

        once = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        printed, _ = await once.communicate()

    assert process.returncode == 0
    assert "\x1b[?1049h" in text  # the alternate screen: the terminal's own content comes back
    assert after == before
    assert once.returncode == 0
    assert b"\x1b" not in printed
    lines = printed.decode().splitlines()
    assert {stage for stage in STAGES for one in lines if one.startswith(f"{stage} ")} == {*STAGES}
