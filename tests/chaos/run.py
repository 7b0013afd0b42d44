"""A run: rounds of faults, and after each a quiet point at which everything is compared."""

import asyncio
import math
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from tests.chaos import facts
from tests.chaos.checks import QUIET_PATIENCE_S, Checker, UnquietError
from tests.chaos.faults import Account, Injector
from tests.chaos.inputs import Inputs
from tests.chaos.plan import DISK_OF, Fault, draw
from tests.chaos.reader import Reader
from tests.chaos.world import Disk, Setup, World, running_world

ROUND = 40
"""Faults between two quiet points."""
FIRST_SOURCES = 24
"""As many are settled at first, and as many not complete: the first round may change each once."""


@dataclass(slots=True)
class Result:
    """What a run came to."""

    seed: int
    faults: int
    only: Sequence[str] = ()
    minutes: float | None = None
    """After so long no further round was begun."""
    not_promised: dict[str, str] = field(default_factory=dict)
    """Faults that were not asked for, since they are not possible here: name to reason."""
    account: Account = field(default_factory=Account)
    records: int = 0
    sources: int = 0
    quiet_points: int = 0
    reads: int = 0
    pairs: int = 0
    models_seen: int = 0
    starts: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)

    @property
    def injected(self) -> int:
        return self.account.injected.total()

    def document(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        account = self.account
        return {
            "seed": self.seed,
            "faults": self.faults,
            "only": list(self.only),
            "minutes": self.minutes,
            "injected": self.injected,
            "by_fault": {
                name: {"requested": count, "injected": account.injected[name]}
                for name, count in sorted(account.requested.items())
            },
            "skipped": dict(sorted(account.skipped.items())),
            "not_promised": self.not_promised,
            "spoiled_answers": account.spoiled,
            "records": self.records,
            "sources": self.sources,
            "quiet_points": self.quiet_points,
            "reads": self.reads,
            "reads_of_pairs": self.pairs,
            "models_seen_by_the_reader": self.models_seen,
            "starts": self.starts,
            "seconds": round(self.seconds),
            "problems": self.problems,
        }


async def run(
    seed: int,
    faults: int,
    *,
    only: Sequence[str] = (),
    keep: bool = False,
    patience_s: float = QUIET_PATIENCE_S,
    minutes: float | None = None,
) -> Result:
    """Draw faults and carry them out in a world of their own."""
    result = Result(seed, faults, only, minutes)
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    started = time.monotonic()
    inputs = Inputs(folder / "runs", seed)
    inputs.begin_with(FIRST_SOURCES)
    try:
        async with running_world(folder, Setup({"default": inputs.folder})) as world:
            reader = Reader(world.public)
            polling = asyncio.create_task(reader.run())
            try:
                injector = Injector(world, inputs, result.account)
                listener = facts.Listener(world)
                checker = Checker(world, inputs, reader, listener, patience_s, injector.nap)
                promised, result.not_promised = possible(draw(seed, faults, only), world.disks)
                end_s = started + (minutes or math.inf) * 60
                await _rounds(promised, injector, checker, result, end_s)
            finally:
                polling.cancel()
                _collect(result, world, inputs, reader, checker)
    finally:
        result.seconds = time.monotonic() - started
        if keep or result.problems:
            sys.stderr.write(f"logs and files are kept in {folder}\n")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return result


def possible(
    faults: Sequence[Fault], disks: Mapping[str, Disk]
) -> tuple[list[Fault], dict[str, str]]:
    """Part faults into those that are promised, and those that need a disk which is none."""
    why_not = {
        one.name: reason
        for one in faults
        if one.kind.startswith("disk-full")
        and (reason := disks[DISK_OF.get(one.target, one.target)].why_not) is not None
    }
    return [one for one in faults if one.name not in why_not], why_not


def broken_promises(account: Account) -> list[str]:
    """Say which faults did not take place."""
    return [
        f"{name} was promised and did not take place: {reason}"
        for name, reason in account.skipped.items()
    ]


async def _rounds(
    faults: Sequence[Fault], injector: Injector, checker: Checker, result: Result, end_s: float
) -> None:
    await injector.begin()
    await _quiet_point(checker, result, is_last=False)
    for start in range(0, len(faults), ROUND):
        if result.problems or time.monotonic() > end_s:
            return
        async with asyncio.TaskGroup() as group:
            for fault in faults[start : start + ROUND]:
                checker.inputs.add()
                group.create_task(injector.inject(fault))
                await asyncio.sleep(fault.gap_s)
        done = min(start + ROUND, len(faults))
        result.problems += broken_promises(result.account)
        await _quiet_point(checker, result, is_last=done == len(faults))
        _say(f"{done}/{len(faults)} faults, {result.injected} injected, {checker.records} records")


async def _quiet_point(checker: Checker, result: Result, *, is_last: bool) -> None:
    started = time.monotonic()
    try:
        await checker.settle()
        settled = time.monotonic() - started
        result.problems += await checker.check(is_last=is_last)
    except UnquietError as error:
        result.problems += [*await _details(checker), str(error)]
        return
    checker.inputs.is_quiet()
    _say(f"quiet after {settled:.1f} s, checked in {time.monotonic() - started - settled:.1f} s")


async def _details(checker: Checker) -> list[str]:
    """Compare although it is not at rest: it may tell what is missing."""
    try:
        return await checker.check(is_last=False)
    except (OSError, sqlite3.Error, pa.ArrowException) as error:
        return [f"it could not be compared: {error!r}"]


def _collect(
    result: Result, world: World, inputs: Inputs, reader: Reader, checker: Checker
) -> None:
    result.records = checker.records
    result.sources = len(list(inputs.folder.glob("*.jsonl")))
    result.quiet_points = checker.checks
    result.reads, result.pairs = reader.reads, reader.pairs
    result.models_seen = len(reader.versions)
    result.starts = {name: one.starts for name, one in world.processes.items()}


def _say(text: str) -> None:
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")
