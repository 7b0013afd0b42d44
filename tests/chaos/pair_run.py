"""Every event after every other, on sources that are unsettled.

``python -m tests.chaos.pair_run --seed 7 --pairs 400``; ``--event`` chooses among the events.
After every twenty pairs all must come to rest, and everything is compared with what
``tests.chaos.oracle`` computes from the sources alone.
"""

import argparse
import asyncio
import json
import random
import shlex
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.chaos.acting import LIMIT_VARIABLE, Actor
from tests.chaos.comparing import CHECKS, Deviation
from tests.chaos.known_red import Round, known_red, plan
from tests.chaos.last_look import LastLook
from tests.chaos.losing import READERS
from tests.chaos.pair_checks import PairChecker
from tests.chaos.pairs import EVENTS, LOSSES, Matrix, Pair, draw
from tests.chaos.plan import EVERYTHING
from tests.chaos.subjects import LIMITS, Subjects
from tests.chaos.world import Setup, World, running_world

ROUND = 20
ROUNDS_OF_A_WORLD = 5
LOSS_S = 4.0
"""A loss takes so long, and the next one waits for it: a pair that came sooner would be late."""
PATIENCE_S = 120.0
MOST_TRIES = 6
"""Of a pair whose second event comes too late on a loaded machine."""
SETTINGS = {
    "MAPSTREAM_EMBEDDING__NORMALISE": "false",
    "MAPSTREAM_EMBEDDING__TIMEOUT_S": "5",
    "MAPSTREAM_OUTPUT__KEEP_VERSIONS_S": "86400",
    LIMIT_VARIABLE: str(LIMITS[1]),
}
REFITS = {"often": "1.02", "rarely": "1000"}
"""By which growth a model is fitted: with every few batches, or once and then on command only."""
STREAM_BYTES = {"DISCOVERY": 120_000, "EMBEDDING": 240_000}
"""Two or three batches: a source of several is being read as long as its first is embedded."""


@dataclass(slots=True)
class Outcome:
    """What a run came to."""

    command: str
    seed: int
    pairs: int
    classes: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    """Pairs that are known to be red and were not done."""
    events: int = 0
    matrix: Matrix = field(default_factory=Matrix)
    worlds: int = 0
    sources: int = 0
    records: int = 0
    quiet_points: int = 0
    versions_opened: int = 0
    starts: dict[str, int] = field(default_factory=dict)
    seconds: int = 0
    deviations: list[dict[str, Any]] = field(default_factory=list)
    """Of each round that had one: its pairs, what was done last, and what was said."""

    def document(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        matrix = self.matrix
        texts = [text for one in self.deviations for text in one["said"]]
        return asdict(replace(self, matrix=Matrix())) | {  # its keys are pairs
            "matrix": matrix.rows(),
            "late": {f"{first} > {second}": n for (first, second), n in matrix.late.items()},
            "missing": matrix.missing(self.classes),
            "problems": texts,
        }


@dataclass(frozen=True, slots=True)
class PairOptions:
    """How a run is to be carried out."""

    keep: bool = False
    patience_s: float = PATIENCE_S
    lose: Sequence[str] = ()
    """The streams that may be lost; none: all."""
    refits: str | None = None
    """How often a model is fitted; none: often in one world, rarely in the next."""
    goes_on: bool = False
    """Whether a deviation is noted and the run goes on in another world."""


async def run(
    outcome: Outcome,
    pairs: Sequence[Pair],
    into_rounds: Callable[..., list[Round]],
    how: PairOptions,
) -> None:
    """Carry out pairs, and those that came too late again, so that none is left out."""
    late = list(pairs)
    for _ in range(MOST_TRIES):
        if late and (how.goes_on or not outcome.deviations):
            await _all(outcome, into_rounds(late), how)
        late = [pair for pair in pairs if not outcome.matrix.done[pair.first, pair.second]]


async def _all(outcome: Outcome, rounds: Sequence[Round], how: PairOptions) -> None:
    """Carry out rounds, at most five of the same kind in a world; ends at the first deviation."""
    todo = list(rounds)
    while todo:
        kind = todo[0].kind
        here = [one for one in todo[:ROUNDS_OF_A_WORLD] if one.kind == kind]
        outcome.worlds += 1
        done = await _world(outcome, here, how)
        if outcome.deviations and not how.goes_on:
            break
        todo = todo[done:]


async def _world(outcome: Outcome, rounds: Sequence[Round], how: PairOptions) -> int:
    """Do rounds until one deviates, then look at all; return how many were done."""
    folder = Path(tempfile.mkdtemp(prefix="pairs-"))
    roots = {name: folder / "runs" / name for name in ("default", "other")}
    subjects = Subjects(roots, outcome.seed + outcome.worlds)
    refits = REFITS[how.refits or ("often" if outcome.worlds % 2 else "rarely")]
    cache_mb = 64 * (outcome.worlds // 2 % 2)
    settings = SETTINGS | {
        "MAPSTREAM_PROJECTION__REFIT_THRESHOLD": refits,
        # With what is known from before a batch that comes twice has the same vectors twice, so
        # that half of the worlds do without.
        "MAPSTREAM_EMBEDDING__CACHE_MB": str(cache_mb),
    }
    setup = Setup(roots, settings, STREAM_BYTES, has_hashed_vectors=True)
    before, started = len(outcome.deviations), time.monotonic()
    try:
        async with running_world(folder, setup) as world:
            dice = random.Random(f"actor {outcome.seed} {outcome.worlds}")
            actor = Actor(world, subjects, dice, _nobody, outcome.matrix)
            actor.lose = how.lose or actor.lose
            checker = PairChecker(world, actor, how.patience_s)
            actor.is_unsettled = checker.is_unsettled
            try:
                return await _rounds(actor, checker, outcome, rounds)
            finally:
                _collect(outcome, actor, checker)
                if len(outcome.deviations) > before:
                    _keep(world)
    finally:
        outcome.seconds += round(time.monotonic() - started)
        if how.keep or len(outcome.deviations) > before:
            sys.stderr.write(f"logs and files are kept in {folder}\n")
        else:
            shutil.rmtree(folder, ignore_errors=True)


async def _nobody(_subject: Any) -> bool:
    return True


async def _rounds(
    actor: Actor, checker: PairChecker, outcome: Outcome, rounds: Sequence[Round]
) -> int:
    for name in ("first", "second", "third"):
        actor.subjects.begin(name, 12, is_slow=False)
    for number, one in enumerate(rounds, 1):
        actor.is_small, actor.spared, actor.begun = one.is_small, one.spared, []
        async with asyncio.TaskGroup() as group:
            for pair in one.pairs:
                group.create_task(actor.run(pair))
                is_lossy = not LOSSES.isdisjoint({pair.first, pair.second})
                await asyncio.sleep(2 * pair.gap_s + (LOSS_S if is_lossy else 0.2))
                actor.subjects.begin("beside", 3, is_slow=False)
        said = await checker.settle(one.without)
        is_last = number == len(rounds)
        if is_last and not said:
            last = LastLook(actor, checker.patience_s)
            said = [each for each in await last.deviations() if each.check not in one.without]
            outcome.versions_opened += last.versions
        _say(f"world {outcome.worlds}, round {number}: {len(one.pairs)} pairs, {len(said)} faults")
        if said:
            outcome.deviations.append(_deviation(one, actor, said))
            return number
    return len(rounds)


def _deviation(one: Round, actor: Actor, said: Sequence[Deviation]) -> dict[str, Any]:
    for each in said:
        sys.stderr.write(f"WRONG: {each.check}: {each.text}\n")
    return {
        "pairs": [pair.name for pair in one.pairs],
        "last_events": actor.did[-2 * len(one.pairs) :],
        "said": [f"{each.check}: {each.text}" for each in said],
    }


def _collect(outcome: Outcome, actor: Actor, checker: PairChecker) -> None:
    outcome.events += len(actor.did)
    outcome.sources += len(actor.subjects.all)
    outcome.records += checker.records
    outcome.quiet_points += checker.checks
    for name, process in actor.world.processes.items():
        outcome.starts[name] = outcome.starts.get(name, 0) + process.starts


def _keep(world: World) -> None:
    """Copy what lies on the disks of this world, which go with it; it is still at work."""
    for name in ("state", "output"):
        with suppress(shutil.Error):
            shutil.copytree(getattr(world, name), world.folder / "kept" / name)


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
    parser.add_argument("--pair", action="append", default=[], metavar="'FIRST > SECOND'",
                        help="only this pair, or several; * is any event")  # fmt: skip
    parser.add_argument("--with-known-red", action="store_true",
                        help="leave out nothing that known_red.toml names")  # fmt: skip
    parser.add_argument("--lose", action="append", default=[],
                        choices=[*sorted(READERS), EVERYTHING],
                        help="only this stream is lost, or several")  # fmt: skip
    parser.add_argument("--refits", choices=sorted(REFITS), help="how often in every world")
    parser.add_argument("--without", action="append", default=[], choices=sorted(CHECKS),
                        help="leave out this check")  # fmt: skip
    parser.add_argument("--go-on", action="store_true",
                        help="after a deviation, go on in another world")  # fmt: skip
    parser.add_argument("--keep", action="store_true", help="keep logs and files")
    parser.add_argument("--list", action="store_true",
                        help="name events, checks, and what is known to be red")  # fmt: skip
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the result is written")
    return parser.parse_args()


def what_is_done(arguments: Sequence[str]) -> str:
    """Write the arguments for a report: without where this machine puts its results."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--json")
    return shlex.join(parser.parse_known_args(arguments)[1])


def _list() -> Iterator[str]:
    for title, names in (("events", EVENTS), ("checks", CHECKS)):
        yield f"{title}\n"
        yield from (f"  {name:<18} {text}\n" for name, text in names.items())
    yield "known to be red\n"
    for one in known_red():
        yield f"  {one.name}: {', '.join(one.pairs)}{f', {one.check}' if one.check else ''}\n"


def main() -> int:
    options = parsed()
    if options.list:
        sys.stdout.writelines(_list())
        return 0
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    pairs = list(draw(options.seed, options.pairs, options.event, options.pair))
    red = [] if options.with_known_red else known_red()

    def into_rounds(some: Sequence[Pair]) -> list[Round]:
        planned = plan(some, red, options.each)
        return [replace(one, without=one.without.union(options.without)) for one in planned]

    kept = {pair for one in into_rounds(pairs) for pair in one.pairs}
    outcome = Outcome(what_is_done(sys.argv[1:]), options.seed, options.pairs, options.event)
    outcome.left_out = [pair.name for pair in pairs if pair not in kept]
    how = PairOptions(options.keep, options.patience, options.lose, options.refits, options.go_on)
    try:
        asyncio.run(run(outcome, pairs, into_rounds, how))
    finally:  # also of a run that somebody ends
        text = json.dumps(outcome.document(), indent=2) + "\n"
        if options.json:
            options.json.write_text(text)
        sys.stdout.write(text)
    return 1 if outcome.deviations else 0


if __name__ == "__main__":
    sys.exit(main())
