"""Real small processes: what is tested is what the operating system does."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from services.cli.adapters.processes import Ended, Process
from services.cli.domain.restarts import RestartPause
from shared.errors import ConfigurationError, MapstreamError
from tests.waiting import PATIENCE_S, until

STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", flush=True)
time.sleep(600)
"""


def process(tmp_path: Path, code: str, restarts: list[Ended], **pause: float) -> Process:
    return Process(
        "worker",
        [sys.executable, "-c", code],
        dict(os.environ),
        tmp_path / "logs" / "worker.log",
        lambda ended, _pause_s: restarts.append(ended),
        RestartPause(first_s=0.01, longest_s=0.01, short_lives=int(pause.get("lives", 100))),
    )


@asynccontextmanager
async def supervised(process: Process) -> AsyncIterator[asyncio.Task[None]]:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(process.supervise())
        yield task
        await process.stop(5)


def said(process: Process, word: str) -> bool:
    return process.log_file.exists() and word in process.log_file.read_text()


async def test_a_process_that_is_killed_is_started_again(tmp_path: Path) -> None:
    restarts: list[Ended] = []
    worker = process(tmp_path, "import time; print('up', flush=True); time.sleep(600)", restarts)
    async with supervised(worker):
        await until(lambda: said(worker, "up"))
        assert worker.running
        first = worker.running.pid
        os.kill(first, signal.SIGKILL)
        await until(lambda: worker.running is not None and worker.running.pid != first)

    assert [(one.name, one.code, one.last_line) for one in restarts] == [("worker", -9, "up")]


async def test_one_that_keeps_ending_is_given_up_with_its_last_words(tmp_path: Path) -> None:
    restarts: list[Ended] = []
    worker = process(tmp_path, "print('no luck'); raise SystemExit(3)", restarts, lives=3)

    with pytest.raises(MapstreamError, match=r"(?s)again and again, at last with code 3.*no luck"):
        await worker.supervise()

    assert len(restarts) == 2


async def test_one_that_ends_with_a_group_of_errors_says_what_lies_in_it(tmp_path: Path) -> None:
    """The last line of a group that Python prints is a line of dashes."""
    restarts: list[Ended] = []
    code = """
import asyncio
async def fail():
    raise RecursionError("a folder is too deep")
async def main():
    async with asyncio.TaskGroup() as group:
        group.create_task(fail())
asyncio.run(main())
"""
    worker = process(tmp_path, code, restarts, lives=2)

    with pytest.raises(MapstreamError, match=r"log: RecursionError: a folder is too deep$"):
        await worker.supervise()

    assert [one.last_line for one in restarts] == ["RecursionError: a folder is too deep"]


async def test_a_mistake_in_the_configuration_is_not_tried_again(tmp_path: Path) -> None:
    restarts: list[Ended] = []
    code = "import sys; sys.stderr.write('mapstream: field x is wrong'); sys.exit(2)"
    worker = process(tmp_path, code, restarts)

    with pytest.raises(ConfigurationError, match=r"^field x is wrong$"):
        await worker.supervise()

    assert restarts == []


async def test_one_that_does_not_want_to_stop_is_killed_with_its_children(tmp_path: Path) -> None:
    child = tmp_path / "child.pid"
    code = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open({str(child)!r}, "w").write(str(child.pid))
{STUBBORN}
"""
    worker = process(tmp_path, code, [])
    async with asyncio.TaskGroup() as group:
        group.create_task(worker.supervise())
        await until(lambda: said(worker, "up"))
        is_gentle = await worker.stop(0.2)

    assert worker.running
    assert not is_gentle
    assert worker.running.returncode == -9
    await until(lambda: not is_alive(int(child.read_text())))


def is_alive(pid: int) -> bool:
    """A zombie that nobody has reaped yet is dead."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_stopping_does_not_wait_for_the_pause_before_a_restart(tmp_path: Path) -> None:
    """Ctrl-C while a service keeps crashing must end the run at once."""
    restarts: list[Ended] = []
    worker = process(tmp_path, "raise SystemExit(1)", restarts)
    worker.pause = RestartPause(first_s=600, longest_s=600)
    async with asyncio.timeout(PATIENCE_S), supervised(worker):
        await until(lambda: len(restarts) == 1)


async def test_stopping_while_it_is_being_started_does_not_hang(tmp_path: Path) -> None:
    worker = process(tmp_path, "import time; time.sleep(600)", [])
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
        group.create_task(worker.supervise())
        await asyncio.sleep(0)  # it has begun to start
        await worker.stop(5)


async def test_the_log_of_the_run_before_is_kept_beside(tmp_path: Path) -> None:
    for run in ("first", "second", "third"):
        worker = process(tmp_path, f"print('{run}'); raise SystemExit(2)", [])
        with pytest.raises(ConfigurationError):
            await worker.supervise()

    assert worker.log_file.read_text() == "third\n"
    assert worker.log_file.with_suffix(".log.1").read_text() == "second\n"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of a death")
async def test_children_end_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    """Left alone, they would work on beside those of the next run, on the same state."""
    supervisor = f"""
import asyncio, os, sys
from pathlib import Path
from services.cli.adapters.processes import Process
code = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
log = Path({str(tmp_path)!r}) / "worker.log"
asyncio.run(Process("worker", [sys.executable, "-c", code], dict(os.environ), log, print)
            .supervise())
"""
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", supervisor)
    log = tmp_path / "worker.log"
    await until(lambda: log.exists() and log.read_text().strip().isdigit())

    parent.kill()
    await parent.wait()

    await until(lambda: not is_alive(int(log.read_text())))


async def test_a_log_that_is_too_long_begins_anew_while_the_process_goes_on(
    tmp_path: Path,
) -> None:
    go = tmp_path / "go"
    code = f"""
import pathlib, time
print('x' * 300_000, flush=True)
while not pathlib.Path({str(go)!r}).exists():
    time.sleep(0.01)
print('again', flush=True)
time.sleep(600)
"""
    worker = process(tmp_path, code, [])
    worker.max_log_bytes = 200_000
    async with supervised(worker):
        await until(worker.log_file.exists)
        await until(
            lambda: any(one.stat().st_size >= 200_000 for one in (tmp_path / "logs").iterdir())
        )
        worker._bound_log()
        assert worker.log_file.with_suffix(".log.1").stat().st_size == 200_000
        go.touch()
        await until(lambda: worker.log_file.stat().st_size > 0)
        assert worker.log_file.read_text() == "again\n"


async def test_a_run_looks_after_its_logs_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.cli.adapters.processes.LOG_LOOK_S", 0.05)
    worker = process(tmp_path, "import time\nprint('x' * 5000, flush=True); time.sleep(600)", [])
    worker.max_log_bytes = 1000
    async with supervised(worker):
        await until(lambda: worker.log_file.with_suffix(".log.1").exists())
        await until(lambda: not worker.log_file.stat().st_size)
