"""The parts of the report that tell of pairs, of what is known to be red, and of seeds."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.chaos.comparing import CHECKS
from tests.chaos.known_red import Red
from tests.chaos.pairs import EVENTS

COUNTED = ("events", "worlds", "sources", "quiet_points", "versions_opened")
SEEDS = Path(__file__).with_name("seeds.toml")


def matrix_of(results: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Tell what runs of pairs came to, with the matrix of all of them."""
    yield "| run | events | systems | sources | quiet points | versions opened | minutes | red |"
    yield "|---|---|---|---|---|---|---|---|"
    for one in results:
        numbers = [f"{one[name]:,}" for name in COUNTED]
        red = f"{len(one['deviations'])} rounds"
        cells = [f"`{one['command']}`", *numbers, f"{one['seconds'] / 60:.0f}", red]
        yield f"| {' | '.join(cells)} |"
    yield "\nA pair counts if its source was unsettled at its second event. Compared is:\n"
    yield from (f"* *{name}*: {text};" for name, text in CHECKS.items())
    yield "\nFirst event down, second event across; `-` is known to be red and left out.\n"
    columns = range(1, len(EVENTS) + 1)
    yield f"| | {' | '.join(map(str, columns))} |"
    yield f"|---|{'---|' * len(EVENTS)}"
    for number, first in enumerate(EVENTS, 1):
        cells = [_count(results, first, second) for second in EVENTS]
        yield f"| {number} {first} | {' | '.join(cells)} |"
    yield ""
    for one in results:
        for red in one["deviations"]:
            yield f"* {_cell(red['said'][0])} (one of {len(red['said'])} deviations of a round)"
    if any(one["deviations"] for one in results):
        yield ""


def _count(results: Sequence[Mapping[str, Any]], first: str, second: str) -> str:
    count = sum(one["matrix"].get(first, {}).get(second, 0) for one in results)
    is_left_out = any(f"{first} > {second}" in one["left_out"] for one in results)
    return "-" if is_left_out and not count else str(count)


def red_of(red: Sequence[Red]) -> Iterator[str]:
    """Tell what is known to be red."""
    yield "`tests/chaos/known_red.toml`; `--with-known-red` runs it in spite of that.\n"
    if not red:
        yield "Nothing at present.\n"
        return
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
