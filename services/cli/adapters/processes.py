"""Starts processes, keeps them running and stops them in order."""

import asyncio
import contextlib
import ctypes
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from services.cli.domain.last_words import configuration_words, telling_line
from services.cli.domain.restarts import RestartPause
from shared.errors import EXIT_CONFIGURATION, ConfigurationError, MapstreamError

LAST_WORDS = 64 << 10
LOG_LOOK_S = 2.0
PR_SET_PDEATHSIG = 1


def end_with_parent() -> Callable[[], None] | None:
    """Return what a child calls first, so that it gets SIGTERM when its parent is killed.

    Only Linux has this; elsewhere the services of a killed run have to be ended by hand.
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@dataclass(frozen=True, slots=True)
class Ended:
    """A process that ended without being asked to."""

    name: str
    code: int
    """The exit code; of a signal it is the negative number."""
    last_line: str
    """The line of its log that says why."""
    log_file: Path


@dataclass(slots=True, eq=False)
class Process:
    """One supervised process. Its output goes to a log file; the run before is kept beside it."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log_file: Path
    on_restart: Callable[[Ended, float], None]
    """Told what ended, and the pause before the next start."""
    pause: RestartPause = field(default_factory=RestartPause)
    max_log_bytes: int = 16 << 20
    """A log that is longer begins anew; what it held is kept beside it."""
    running: asyncio.subprocess.Process | None = field(default=None, init=False)
    _stop_asked: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _log_start: int = field(default=0, init=False)

    async def supervise(self) -> None:
        """Start the process, and again whenever it ends, until it is told to stop.

        Raises:
            ConfigurationError: It says that it cannot start with this configuration.
            MapstreamError: It ended again and again.
        """
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            self.log_file.replace(self._older_log)
        while not self._stop_asked.is_set():
            started = time.monotonic()
            code = await self._run()
            if self._stop_asked.is_set():
                return
            if code == EXIT_CONFIGURATION:
                words = configuration_words(self._last_words())
                raise ConfigurationError(words or f"{self.name}: no reason was given")
            last_line = telling_line(self._last_words())
            wait_s = self.pause.after(time.monotonic() - started)
            if wait_s is None:
                raise MapstreamError(
                    f"{self.name} ended again and again, at last with code {code}; "
                    f"its log is {self.log_file}: {last_line}"
                )
            self.on_restart(Ended(self.name, code, last_line, self.log_file), wait_s)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop_asked.wait(), wait_s)

    def will_stop(self) -> None:
        """Take the process's end for what was wanted from now on."""
        self._stop_asked.set()

    async def stop(self, patience_s: float) -> bool:
        """Ask the process to stop, and end it if it takes longer than this.

        Returns:
            Whether it ended by itself.
        """
        self._stop_asked.set()
        process = self.running
        if process is None or process.returncode is not None:
            return True
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(patience_s):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
            return False
        return True

    async def _run(self) -> int:
        """Run the process once and return its exit code."""
        if self.log_file.exists():
            self._bound_log()
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
                preexec_fn=end_with_parent(),
            )
        if self._stop_asked.is_set():  # while it was being started
            self.running.terminate()
        while True:
            try:
                async with asyncio.timeout(LOG_LOOK_S):
                    return await self.running.wait()
            except TimeoutError:
                self._bound_log()

    @property
    def _older_log(self) -> Path:
        return self.log_file.with_suffix(".log.1")

    def _bound_log(self) -> None:
        """Begin the log anew if it is too long.

        The process goes on writing at its end: it was opened for appending. A line that is
        written between copy and cut is lost.
        """
        with contextlib.suppress(OSError):  # a full disk must not end the run
            size = self.log_file.stat().st_size
            if size <= self.max_log_bytes:
                return
            with self.log_file.open("rb") as log, self._older_log.open("wb") as older:
                log.seek(-self.max_log_bytes, os.SEEK_END)
                shutil.copyfileobj(log, older)
        os.truncate(self.log_file, 0)
        self._log_start = 0

    def _last_words(self) -> str:
        with self.log_file.open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(self._log_start, size - LAST_WORDS))
            return log.read().decode(errors="replace")
