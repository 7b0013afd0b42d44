"""Makes a copy of the program wrong, and lets those who have to notice look at it."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.chaos.wrong import Mutation, edited

COPIED = ("services", "shared", "tests", "deploy", "docs", "examples", "pyproject.toml")
SEED = 5
PATIENCE_S = 40
"""How long a mutated program may take to come to rest; a sound one needs a few seconds."""
HANGS_S = 30.0
"""A test that takes so much longer than five times what it takes with a sound program hangs."""
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
    durations: Mapping[str, float] = field(default_factory=dict)
    """How long each test took, in seconds; those that took next to nothing are left out."""

    @property
    def finds_no_fault(self) -> bool:
        return self.is_valid and not self.noticed


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
        _copy(program, folder, os.link)
        for file, text in edited(program, mutation.edits if mutation else ()).items():
            (folder / file).unlink()  # else the snapshot is changed, too
            (folder / file).write_text(text)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _copy(source: Path, folder: Path, copied: Callable[[str, str], object] = shutil.copy2) -> None:
    folder.mkdir()
    for name in COPIED:
        if (source / name).is_dir():
            shutil.copytree(source / name, folder / name, symlinks=True, copy_function=copied)
        elif (source / name).exists():
            copied(str(source / name), str(folder / name))


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long a test may take with a wrong program."""

    sound: Look
    """What was said of the program as it is."""
    hangs_s: float = HANGS_S

    def longest_s(self, tests: Sequence[str]) -> float:
        """Return how many seconds each of some tests has; a name stands for all its cases."""
        names = tuple(part for one in tests for part in (f"{one}[", f"{one}::"))
        lasted = self.sound.durations.items()
        each = [s for test, s in lasted if test in tests or test.startswith(names)]
        return self.hangs_s + 5 * max(each, default=0)


def look(
    program: Path, mutation: Mutation | None, by: Sequence[Mutation], bounds: Bounds | None = None
) -> Look:
    """Have those who notice some mutations look at a snapshot with one of them, or with none."""
    started = time.monotonic()
    tests = sorted({test for one in by for test in one.tests})
    faults = sorted({name for one in by for name in one.faults})
    with _changed(program, mutation) as folder:
        found = _test(folder, tests, bounds) if tests else Look(())
        if faults and found.finds_no_fault:
            found = _interrupt(folder, faults, mutation.count if mutation else 2 * len(faults))
    return replace(found, seconds=round(time.monotonic() - started))


def _test(folder: Path, tests: Sequence[str], bounds: Bounds | None) -> Look:
    """Run tests, and say which of them failed.

    A test that hangs or that ends pytest has noticed a wrong program, too, if none does so with
    the program as it is.
    """
    options = ["-v", "--durations", "0", "-p", "no:cacheprovider"]
    if bounds:
        longest_s = bounds.longest_s(tests)
        for option in (f"timeout={longest_s}", "exit_on_timeout=true"):
            options += ["-o", f"faulthandler_{option}"]
    code, told = _run(folder, "pytest", *options, *tests)
    lines = told.splitlines()
    failed = [line for line in lines if line.startswith(("FAILED ", "ERROR tests/"))]
    if code == 0 or (code == 1 and failed):
        return Look(failed, durations=_durations(lines))
    # If no test began, it was not found, or not even to be imported.
    if (begun := _begun(lines)) and bounds and bounds.sound.finds_no_fault:
        hung = "Timeout (" in told
        return Look([f"{'HUNG' if hung else f'ENDED PYTEST with {code}'} {begun}"])
    return Look(lines[-1:], is_valid=False)


def _begun(lines: Sequence[str]) -> str:
    """Return the test that began last; none if pytest did not come so far."""
    begun = [line.split(" ")[0] for line in lines if line.startswith("tests/") and "::" in line]
    return begun[-1] if begun else ""


def _durations(lines: Sequence[str]) -> Mapping[str, float]:
    durations = defaultdict[str, float](float)
    for line in lines:
        if found := re.fullmatch(r"([0-9.]+)s (?:setup|call|teardown) +(.*)", line):
            durations[found[2]] += float(found[1])
    return dict(durations)


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
