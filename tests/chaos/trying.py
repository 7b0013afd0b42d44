"""Makes a copy of the program wrong, and lets those who have to notice look at it."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.chaos.wrong import Mutation, edited

COPIED = ("services", "shared", "tests", "deploy", "docs", "pyproject.toml")
SEED = 5
PATIENCE_S = 40
"""How long a mutated program may take to come to rest; a sound one needs a few seconds."""
LONGEST_TEST_S = 120
STOPPING_S = 60
"""The harness has processes to end and disks to unmount when it is interrupted."""


@dataclass(frozen=True, slots=True)
class Look:
    """What somebody said of a program."""

    noticed: Sequence[str]
    """What is wrong; empty if nothing was seen."""
    is_valid: bool = True
    """Whether the program could be looked at: its tests ran, or the harness came to its end."""
    faults: Any = None
    """What the harness did, by the names of the faults."""
    seconds: int = 0


@contextmanager
def snapshot(root: Path) -> Iterator[Path]:
    """Copy the program once, so that it can be worked on meanwhile; nothing stays of it."""
    folder = Path(tempfile.mkdtemp(prefix="mutations-"))
    folder.chmod(0o755)  # a test goes on as somebody else
    try:
        _copy(root, folder / "program")
        yield folder / "program"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _changed(program: Path, mutation: Mutation | None) -> Iterator[Path]:
    """Copy a snapshot beside itself and edit the copy."""
    folder = program.with_name("changed")
    try:
        _copy(program, folder)
        for file, text in edited(program, mutation.edits if mutation else ()).items():
            (folder / file).write_text(text)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _copy(source: Path, folder: Path) -> None:
    folder.mkdir()
    for name in COPIED:
        if (source / name).is_dir():
            shutil.copytree(source / name, folder / name, symlinks=True)
        elif (source / name).exists():
            shutil.copy2(source / name, folder / name)


def look(program: Path, mutation: Mutation | None, by: Sequence[Mutation]) -> Look:
    """Have those who notice some mutations look at a snapshot with one of them, or with none."""
    started = time.monotonic()
    tests = sorted({test for one in by for test in one.tests})
    faults = sorted({name for one in by for name in one.faults})
    with _changed(program, mutation) as folder:
        found = _test(folder, tests) if tests else Look(())
        if faults and found.is_valid and not found.noticed:
            found = _interrupt(folder, faults, mutation.count if mutation else 2 * len(faults))
    seconds = round(time.monotonic() - started)
    return Look(found.noticed, found.is_valid, found.faults, seconds)


def _test(folder: Path, tests: Sequence[str]) -> Look:
    code, told = _run(
        folder, "pytest", "-q", "-p", "no:cacheprovider", "--timeout", str(LONGEST_TEST_S), *tests
    )
    failed = [line for line in told.splitlines() if line.startswith(("FAILED ", "ERROR tests/"))]
    # 1: some failed. All else: interrupted, misused, not found, or not even to be imported.
    if code == 0 or (code == 1 and failed):
        return Look(failed)
    return Look(told.splitlines()[-1:], is_valid=False)


def _interrupt(folder: Path, faults: Sequence[str], count: int) -> Look:
    result = folder / "result.json"
    chosen = [part for one in faults for part in ("--only", one)]
    _, said = _run(
        folder, "tests.chaos", "--seed", str(SEED), "--faults", str(count),
        "--patience", str(PATIENCE_S), "--json", str(result), *chosen,
    )  # fmt: skip
    if not result.exists():
        return Look(said.splitlines()[-1:], is_valid=False)
    told = json.loads(result.read_text())
    return Look(told["problems"], faults=told["by_fault"])


def _run(folder: Path, *arguments: str) -> tuple[int, str]:
    """Run a module in a folder; interrupted, it ends what it started, and all of its session."""
    environment = {"PYTHONPATH": str(folder), "TMPDIR": str(folder), "CI": "true"}
    process = subprocess.Popen(
        [sys.executable, "-m", *arguments],
        cwd=folder,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        told, _ = process.communicate()
    finally:
        _end(process)
    return process.returncode, told


def _end(process: subprocess.Popen[str]) -> None:
    try:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOPPING_S)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
