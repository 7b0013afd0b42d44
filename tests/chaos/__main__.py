"""Interrupts everything while records flow: ``make chaos SEED=7 FAULTS=100``.

Everything is real: processes, servers, files. The seed determines which faults come, in which
order and how long they last; when exactly each hits is up to the machine. After every forty
faults the harness waits until all is quiet and compares the public files, the dataset, the
moments, the ledger, the dead letters and the public streams with the inputs, read in the plainest
way.
"""

import argparse
import asyncio
import json
import signal
import sys
from pathlib import Path

from tests.chaos.checks import QUIET_PATIENCE_S
from tests.chaos.plan import draw
from tests.chaos.run import run


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="determines the faults")
    parser.add_argument("--faults", type=int, default=100, help="how many")
    parser.add_argument(
        "--only", action="append", default=[], metavar="NAME",
        help="only faults whose names begin so, such as 'cut writing'; can be given several times",
    )  # fmt: skip
    parser.add_argument("--plan", action="store_true", help="print the faults and end")
    parser.add_argument(
        "--patience", type=float, default=QUIET_PATIENCE_S, metavar="SECONDS",
        help="how long it may take until all is quiet",
    )  # fmt: skip
    parser.add_argument("--minutes", type=float, help="begin no further round after so long")
    parser.add_argument("--keep", action="store_true", help="keep logs and files")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the result is written")
    return parser.parse_args()


def main() -> int:
    options = parsed()
    if options.plan:
        for fault in draw(options.seed, options.faults, options.only):
            sys.stdout.write(f"{fault.name} {fault.seconds} {fault.gap_s}\n")
        return 0
    # Ended from outside, it stops what it started and unmounts its disks, as with Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    result = asyncio.run(
        run(
            options.seed,
            options.faults,
            only=options.only,
            keep=options.keep,
            patience_s=options.patience,
            minutes=options.minutes,
        )
    )
    text = json.dumps(result.document(), indent=2) + "\n"
    if options.json:
        options.json.write_text(text)
    sys.stdout.write(text)
    for problem in result.problems:
        sys.stderr.write(f"WRONG: {problem}\n")
    return 1 if result.problems else 0


if __name__ == "__main__":
    sys.exit(main())
