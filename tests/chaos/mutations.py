"""Makes a copy of the program wrong in one place at a time; somebody has to notice each time.

``make mutations``, or ``python -m tests.chaos.mutations [NAME ...]``. What is made wrong, and who
has to notice, is below ``mutants`` (tests) and in ``protections.toml`` (the fault harness). It
fails if a wrong program is not noticed, if one that is called harmless is, if a change fits the
program no more, or if those who have to notice find fault with the program as it is.
"""

import argparse
import json
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.chaos.trying import HANGS_S, Bounds, Look, look, snapshot
from tests.chaos.wrong import ROOT, Mutation, described, misplaced, mutations, page, stale


def tried(
    root: Path, chosen: Sequence[Mutation], hangs_s: float
) -> Iterator[tuple[str, Look, str]]:
    """Look at a program as it is and with one mutation at a time.

    Yields:
        What was looked at, what was said, and what is wrong with that; empty if nothing is.
    """
    with snapshot(root) as program:
        bounds = dict[bool, Bounds]()
        for are_tests in (True, False):
            if by := [one for one in chosen if bool(one.tests) is are_tests]:
                said = look(program, None, by)
                bounds[are_tests] = Bounds(said, hangs_s)
                wrong = "" if said.finds_no_fault else "not as it should be"
                yield "nothing changed", said, wrong
        for one in chosen:
            said = look(program, one, [one], bounds[bool(one.tests)])
            yield one.name, said, _wrong_with(one, said)


def _wrong_with(mutation: Mutation, said: Look) -> str:
    if not said.is_valid:
        return "could not be tried"
    if mutation.harmless:
        return "called harmless, but is noticed" if said.noticed else ""
    return "" if said.noticed else "SURVIVED"


def main(options: argparse.Namespace) -> int:
    """Try what is chosen; returns 1 if anything is not as it should be."""
    every = mutations(options.root)
    if options.page:
        options.page.write_text(page(every))
        return 0
    chosen = [one for one in every if not options.names or one.name in options.names]
    chosen = chosen[:: 10 if options.quick else 1]
    if options.list:
        for one in chosen:
            sys.stdout.write(f"{one.name}: {described(one)}\n")
        return 0
    problems = [*misplaced(options.root)]
    problems += [text for one in every for text in stale(options.root, one)]
    problems += [f"{name}: no such" for name in {*options.names} - {one.name for one in every}]
    if problems or options.check:
        return _ended(problems, "do not fit the program")
    results = list[dict[str, Any]]()
    for name, said, wrong in tried(options.root, chosen, options.hangs):
        problems += [f"{name}: {wrong}"] * bool(wrong)
        _say(f"{name}: {wrong or 'as it should be'} {' '.join(said.noticed[:1])[:200]}".strip())
        results.append({"name": name, "wrong": wrong, "caught_by": said.noticed} | asdict(said))
        if options.json:
            options.json.write_text(json.dumps(results, indent=2) + "\n")
    _say(f"{len(chosen)} tried")
    return _ended(problems, "not as they should be")


def _ended(problems: Sequence[str], what: str) -> int:
    for text in problems:
        _say(text)
    if problems:
        _say(f"{len(problems)} wrong programs {what}")
    return 1 if problems else 0


def _say(text: str) -> None:
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stdout.flush()


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.mutations", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these; all if none")
    parser.add_argument("--list", action="store_true", help="name them, and who has to notice")
    parser.add_argument("--check", action="store_true", help="only whether all fit the program")
    parser.add_argument("--quick", action="store_true", help="one in ten")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the results are written")
    parser.add_argument(
        "--hangs",
        type=float,
        default=HANGS_S,
        metavar="SECONDS",
        help="the longest that a test may take that takes no time else",
    )
    parser.add_argument("--root", type=Path, default=ROOT, help="the program; this one if none")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write the page, try nothing")
    return parser.parse_args()


if __name__ == "__main__":
    for number in (
        signal.SIGINT,
        signal.SIGTERM,
    ):  # a shell lets what runs behind ignore the first
        signal.signal(number, signal.default_int_handler)
    sys.exit(main(parsed()))
