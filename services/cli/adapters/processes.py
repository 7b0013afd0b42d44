"""Starts processes, keeps them running and stops them in order."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from services.cli.domain.restarts import CONFIGURATION, RestartPause
from shared.errors import ConfigurationError, MapstreamError

LAST_WORDS = 2000


@dataclass(slots=True)
class Process:
    """One supervised process. Its output goes to a log file; the run before is kept beside it."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log_file: Path
    on_restart: Callable[[str, int, float], None]
    """Told the name, the exit code and the pause before the next start."""
    running: asyncio.subprocess.Process | None = field(default=None, init=False)
    stopping: bool = field(default=False, init=False)
    _log_start: int = field(default=0, init=False)

    async def supervise(self) -> None:
        """Start the process, and again whenever it ends, until cancelled.

        Raises:
            ConfigurationError: It says that it cannot start with this configuration.
            MapstreamError: It ended again and again.
        """
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            self.log_file.replace(self.log_file.with_suffix(".log.1"))
        pause = RestartPause()
        while not self.stopping:
            started = time.monotonic()
            await self.start()
            code = await self._ended()
            if self.stopping:
                return
            if code == CONFIGURATION:
                raise ConfigurationError(self._last_words())
            wait_s = pause.after(time.monotonic() - started)
            if wait_s is None:
                raise MapstreamError(
                    f"{self.name} ended again and again, at last with code {code}; "
                    f"its log is {self.log_file}:\n{self._last_words()}"
                )
            self.on_restart(self.name, code, wait_s)
            await asyncio.sleep(wait_s)

    async def start(self) -> None:
        """Start the process once."""
        with self.log_file.open("ab") as log:
            self._log_start = log.tell()
            self.running = await asyncio.create_subprocess_exec(
                *self.command,
                env=self.environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C at the terminal reaches the supervisor only; it stops the others.
                start_new_session=True,
            )

    async def stop(self, patience_s: float) -> None:
        """Ask the process to stop, and end it if it takes longer than this."""
        self.stopping = True
        process = self.running
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(patience_s):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()

    async def _ended(self) -> int:
        assert self.running is not None, "started before"  # noqa: S101
        return await self.running.wait()

    def _last_words(self) -> str:
        with self.log_file.open("rb") as log:
            log.seek(self._log_start)
            text = log.read()[-LAST_WORDS:].decode(errors="replace").strip()
        return text.removeprefix("mapstream: ")
