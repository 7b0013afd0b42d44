"""The parts of the report that tell of pairs, of what is known to be red, and of seeds."""

import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.chaos.comparing import CHECKS
from tests.chaos.known_red import Red
from tests.chaos.pairs import EVENTS

SEEDS = Path(__file__).with_name("seeds.toml")


def matrix_of(result: Mapping[str, Any]) -> Iterator[str]:
    """Tell what a run of pairs came to, with its matrix."""
    wrong = len(result["deviations"])
    yield (
        f"`make pairs SEED={result['seed']} PAIRS={result['pairs']}`"
        f" (`{result['command']}`): {result['events']:,} events, {result['worlds']} systems one "
        f"after the other, {result['sources']:,} sources, {result['quiet_points']} quiet points, "
        f"{result['versions_opened']:,} versions of the dataset opened afterwards, "
        f"{result['seconds'] / 60:.0f} minutes; {wrong} rounds with a deviation.\n"
    )
    yield "A pair counts if its source was unsettled at its second event. Compared is:\n"
    yield from (f"* *{name}*: {text};" for name, text in CHECKS.items())
    yield "\nFirst event down, second event across; `-` is known to be red and left out.\n"
    left_out = Counter(result["left_out"])
    columns = range(1, len(EVENTS) + 1)
    yield f"| | {' | '.join(map(str, columns))} |"
    yield f"|---|{'---|' * len(EVENTS)}"
    for number, first in enumerate(EVENTS, 1):
        row = result["matrix"].get(first, {})
        cells = [
            str(row[second])
            if row.get(second)
            else "-"
            if left_out[f"{first} > {second}"]
            else "0"
            for second in EVENTS
        ]
        yield f"| {number} {first} | {' | '.join(cells)} |"
    yield ""
    for one in result["deviations"]:
        yield f"* {one['said'][0]} (of {len(one['said'])}; pairs: {', '.join(one['pairs'])})"
    if wrong:
        yield ""


def red_of(red: Sequence[Red]) -> Iterator[str]:
    """Tell what is known to be red."""
    yield "`tests/chaos/known_red.toml`; `--with-known-red` runs it in spite of that.\n"
    yield "| what | left out | why | command | it said |"
    yield "|---|---|---|---|---|"
    for one in red:
        pairs = ", ".join(f"`{name}`" for name in one.pairs)
        if one.check:
            left_out = f"the check *{one.check}* in rounds with {pairs}"
        elif one.is_of_many:
            left_out = f"sources of several batches in rounds with {pairs}"
        elif one.streams:
            left_out = f"the loss of {', '.join(one.streams)} in rounds with {pairs}"
        else:
            left_out = pairs
        cells = (one.name, left_out, one.reason, f"`{one.run}`", one.said)
        yield f"| {' | '.join(_cell(text) for text in cells)} |"
    yield ""


def seeds_of(file: Path) -> Iterator[str]:
    """Tell which seeds were ever run, and what each found."""
    yield "| run | day | done | found |"
    yield "|---|---|---|---|"
    for one in tomllib.loads(file.read_text())["run"]:
        cells = (f"`{one['command']}`", str(one["day"]), one["done"], one["found"] or "nothing")
        yield f"| {' | '.join(_cell(text) for text in cells)} |"
    yield ""


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "/").split())
