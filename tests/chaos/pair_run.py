"""Every event after every other, on sources that are unsettled.

``python -m tests.chaos.pair_run --seed 7 --pairs 400``; ``--event`` chooses among the events.
After every twenty pairs all must come to rest, and everything is compared with what
``tests.chaos.oracle`` computes from the sources alone.
"""

import argparse
import asyncio
import json
import random
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.chaos.acting import LIMIT_VARIABLE, Actor
from tests.chaos.pair_checks import PairChecker
from tests.chaos.pairs import EVENTS, draw
from tests.chaos.subjects import LIMITS, Subjects
from tests.chaos.world import Setup, running_world

ROUND = 20
PATIENCE_S = 120.0
SETTINGS = {
    "MAPSTREAM_EMBEDDING__NORMALISE": "false",
    "MAPSTREAM_EMBEDDING__TIMEOUT_S": "5",
    "MAPSTREAM_OUTPUT__KEEP_VERSIONS_S": "86400",
    LIMIT_VARIABLE: str(LIMITS[1]),
}
STREAM_BYTES = {"DISCOVERY": 120_000, "EMBEDDING": 240_000}
"""Two or three batches: a source of several is being read as long as its first is embedded."""


@dataclass(slots=True)
class Outcome:
    """What a run came to."""

    seed: int
    pairs: int
    classes: list[str] = field(default_factory=list)
    events: int = 0
    matrix: dict[str, dict[str, int]] = field(default_factory=dict)
    late: int = 0
    missing: list[str] = field(default_factory=list)
    sources: int = 0
    records: int = 0
    quiet_points: int = 0
    versions_opened: int = 0
    starts: dict[str, int] = field(default_factory=dict)
    seconds: int = 0
    last_events: list[str] = field(default_factory=list)
    """Before the deviation, if there was one."""
    problems: list[str] = field(default_factory=list)


async def run(
    seed: int, pairs: int, *, classes: list[str], keep: bool, patience_s: float, each: int
) -> Outcome:
    """Carry out pairs in a world of their own; ends at the first deviation."""
    outcome = Outcome(seed, pairs, classes)
    folder = Path(tempfile.mkdtemp(prefix="pairs-"))
    started = time.monotonic()
    subjects = Subjects({name: folder / "runs" / name for name in ("default", "other")}, seed)
    try:
        async with running_world(
            folder, Setup(subjects.roots, SETTINGS, STREAM_BYTES, has_hashed_vectors=True)
        ) as world:
            actor = Actor(world, subjects, random.Random(f"actor {seed}"), _nobody)
            checker = PairChecker(world, actor, patience_s)
            actor.is_unsettled = checker.is_unsettled
            try:
                await _rounds(actor, checker, outcome, each)
                if not outcome.problems:
                    outcome.problems += await checker.last_look()
            finally:
                _collect(outcome, actor, checker)
    finally:
        outcome.seconds = round(time.monotonic() - started)
        if keep or outcome.problems:
            sys.stderr.write(f"logs and files are kept in {folder}\n")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return outcome


async def _nobody(_subject: Any) -> bool:
    return True


async def _rounds(actor: Actor, checker: PairChecker, outcome: Outcome, each: int) -> None:
    todo = list(draw(outcome.seed, outcome.pairs, outcome.classes))
    for name in ("first", "second", "third"):
        actor.subjects.begin(name, 12, is_slow=False)
    for start in range(0, len(todo), each):
        async with asyncio.TaskGroup() as group:
            for pair in todo[start : start + each]:
                group.create_task(actor.run(pair))
                await asyncio.sleep(2 * pair.gap_s + 0.2)
                actor.subjects.begin("beside", 3, is_slow=False)
        outcome.problems += await checker.settle()
        done = min(start + each, len(todo))
        _say(f"{done}/{len(todo)} pairs, {checker.records} records")
        if outcome.problems:
            return


def _collect(outcome: Outcome, actor: Actor, checker: PairChecker) -> None:
    matrix = actor.matrix
    outcome.matrix, outcome.missing = matrix.rows(), matrix.missing(outcome.classes)
    outcome.late, outcome.events = matrix.late.total(), len(actor.did)
    outcome.sources, outcome.records = len(actor.subjects.all), checker.records
    outcome.quiet_points, outcome.versions_opened = checker.checks, checker.versions
    outcome.starts = {name: one.starts for name, one in actor.world.processes.items()}
    outcome.last_events = actor.did[-2 * ROUND :] if outcome.problems else []


def _say(text: str) -> None:
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.pair_run", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="determines pairs and sources")
    parser.add_argument("--pairs", type=int, default=400, help="how many; 400 are all")
    parser.add_argument("--event", action="append", default=[], help="only these events",
                        choices=sorted(EVENTS))  # fmt: skip
    parser.add_argument("--each", type=int, default=ROUND, help="pairs between two quiet points")
    parser.add_argument("--patience", type=float, default=PATIENCE_S, metavar="SECONDS")
    parser.add_argument("--keep", action="store_true", help="keep logs and files")
    parser.add_argument("--list", action="store_true", help="name the events and end")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the result is written")
    return parser.parse_args()


def main() -> int:
    options = parsed()
    if options.list:
        sys.stdout.writelines(f"{name:<18} {text}\n" for name, text in EVENTS.items())
        return 0
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    outcome = asyncio.run(
        run(
            options.seed,
            options.pairs,
            classes=options.event,
            keep=options.keep,
            patience_s=options.patience,
            each=options.each,
        )
    )
    text = json.dumps(asdict(outcome), indent=2) + "\n"
    if options.json:
        options.json.write_text(text)
    sys.stdout.write(text)
    return 1 if outcome.problems else 0


if __name__ == "__main__":
    sys.exit(main())
