"""The processes of a run: started, started again when they end, and hurt on demand."""

import asyncio
import contextlib
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from services.cli.adapters.processes import end_with_parent

RESTART_S = 0.1
STOP_S = 60.0
PATIENCE_S = 180.0


@dataclass(slots=True)
class Supervised:
    """One process that is started again whenever it ends."""

    name: str
    command: Sequence[str]
    """A program with its arguments; or a module with its, to be forked from a nursery."""
    environment: Mapping[str, str]
    log: Path
    is_module: bool = False
    pid: int | None = None
    starts: int = 0
    surprises: list[str] = field(default_factory=list)
    """Ends that nobody caused."""
    hold_s: float = 0.0
    """How long the next start is put off."""
    _is_told: bool = False
    _stopping: bool = False
    _task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._task = asyncio.create_task(self._supervise())

    async def _supervise(self) -> None:
        async with self._nursery() if self.is_module else contextlib.nullcontext() as nursery:
            while not self._stopping:
                code = await (self._forked(nursery) if nursery else self._spawned())
                self.pid = None
                # Before its handlers are in place, a process ends by the signal itself.
                is_told = self._is_told and code in {0, -signal.SIGTERM}
                if not self._stopping and not is_told and code != -signal.SIGKILL:
                    self.surprises.append(f"{self.name} ended by itself with code {code}")
                await asyncio.sleep(0 if self._stopping else RESTART_S + self.hold_s)
                self.hold_s, self._is_told = 0.0, False

    async def _spawned(self) -> int:
        with self.log.open("ab") as log:
            process = await self._exec(
                *self.command, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log
            )
        self._is_up(process.pid)
        return await process.wait()

    async def _forked(self, nursery: asyncio.subprocess.Process) -> int:
        assert nursery.stdin
        assert nursery.stdout
        nursery.stdin.write(b"go\n")
        self._is_up(int((await nursery.stdout.readline()).removeprefix(b"pid ")))
        return int((await nursery.stdout.readline()).removeprefix(b"end "))

    def _is_up(self, pid: int) -> None:
        self.starts += 1
        self.pid = pid
        if self._stopping:
            self.signal(signal.SIGTERM)

    @asynccontextmanager
    async def _nursery(self) -> AsyncIterator[asyncio.subprocess.Process]:
        command = [sys.executable, "-m", "tests.chaos.nursery", str(self.log), *self.command]
        nursery = await self._exec(
            *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        try:
            yield nursery
        finally:
            with contextlib.suppress(ProcessLookupError):
                nursery.kill()
            await nursery.wait()

    async def _exec(self, *command: str, **pipes: Any) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *command,
            env=dict(self.environment),
            start_new_session=True,
            preexec_fn=end_with_parent(),
            **pipes,
        )

    def signal(self, number: signal.Signals) -> bool:
        """Send a signal; tell whether there was a process to get it."""
        if self.pid is None:
            return False
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            return False
        return True

    def tell_to_stop(self) -> bool:
        """Ask it to end by itself; tell whether there was a process to ask."""
        self._is_told = True
        return self.signal(signal.SIGTERM)

    async def up(self) -> int:
        """Wait until it runs; returns its pid."""
        async with asyncio.timeout(PATIENCE_S):
            while self.pid is None:
                await asyncio.sleep(0.02)
        return self.pid

    async def says(self, pattern: str) -> None:
        """Wait until a line of its log holds a pattern."""
        async with asyncio.timeout(PATIENCE_S):
            while not (self.log.exists() and re.search(pattern, self.log.read_text())):
                await asyncio.sleep(0.1)

    async def stop(self) -> None:
        """End it for good, gracefully if it lets itself."""
        self._stopping = True
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        if self._task and not (await asyncio.wait({self._task}, timeout=STOP_S))[0]:
            self.surprises.append(f"{self.name} did not stop within {STOP_S:.0f} s")
            await self.kill_for_good()

    async def kill_for_good(self) -> None:
        self._stopping = True
        self.signal(signal.SIGKILL)
        if self._task:
            await self._task
