"""``mapstream verify``: whether ledger, dataset, moments, model and public files agree."""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from anyio import to_thread
from rich.console import Console

from services.cli.adapters.kept_map import FolderMap
from services.cli.adapters.kept_state import collections_in
from services.cli.adapters.scikit_learn_opinion import second_opinion
from services.cli.adapters.sqlite_tally import open_tally
from services.cli.commands.tables import plain
from services.cli.handlers.verify import Verdict, verify
from shared.errors import ConfigurationError

EQUAL = 0
DIFFERENT = 7
NOT_AT_REST = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyOptions:
    """What was asked for on the command line."""

    output: Path
    state: Path
    collection: str | None
    is_json: bool


async def verify_folders(options: VerifyOptions) -> int:
    """Compare every collection and print what was found.

    Returns:
        The exit code: 0 equal; 7 something differs; 8 not at rest.

    Raises:
        ConfigurationError: Something cannot be read, or there is nothing.
    """
    verdicts = await to_thread.run_sync(_verdicts, options)
    if options.is_json:
        sys.stdout.write(json.dumps([_document(one) for one in verdicts]) + "\n")
    else:
        console = Console(highlight=False)
        for one in verdicts:
            for line, style in _lines(one):
                console.print(plain(line, style), soft_wrap=True)
    if not all(one.is_at_rest for one in verdicts):
        return NOT_AT_REST
    return DIFFERENT if any(one.differences for one in verdicts) else EQUAL


def _verdicts(options: VerifyOptions) -> list[Verdict]:
    verdicts = []
    for collection in _collections(options):
        with open_tally() as tally:
            kept = FolderMap(options.state, options.output, collection)
            verdicts.append(verify(kept, tally, second_opinion))
    return verdicts


def _collections(options: VerifyOptions) -> Sequence[str]:
    """Return what is to be compared.

    Raises:
        ConfigurationError: There is nothing.
    """
    found = collections_in(options.state)
    found |= {file.parent.name for file in options.output.glob("*/format.json")}
    if options.collection is not None:
        found &= {options.collection}
    if not found:
        what = f"collection {options.collection}" if options.collection else "map"
        raise ConfigurationError(
            f"{options.output}: holds no {what}, nor does {options.state}: name the folder of a "
            "run with --output, or of a deployment its two folders with --output and --state"
        )
    return sorted(found)


def _document(verdict: Verdict) -> dict[str, object]:
    """Return a verdict as scripts read it."""
    return {
        "collection": verdict.collection,
        "is_equal": verdict.is_at_rest and not verdict.differences,
        "is_at_rest": verdict.is_at_rest,
        "rows": verdict.rows,
        "sources": verdict.sources,
        "sources_under_way": verdict.unsettled,
        "differences": [asdict(one) for one in verdict.differences],
        "more_differences": verdict.more,
    }


def _lines(verdict: Verdict) -> Iterator[tuple[str, str]]:
    name, size = verdict.collection, f"{verdict.rows:,} rows of {verdict.sources:,} sources"
    if verdict.is_changing:
        yield f"{name}: not at rest: it changed while it was read; look again later", "yellow"
        return
    if verdict.unsettled:
        yield (
            f"{name}: not at rest: {verdict.unsettled:,} sources have records on their way",
            ("yellow"),
        )
    elif not verdict.differences:
        yield f"{name}: equal, {size}", "green"
    for one in verdict.differences:
        where = f"{name}, {one.source}" if one.source else name
        yield f"{where}: {one.what}: expected {one.expected}, found {one.found}", "red"
    for remedy in dict.fromkeys(one.remedy for one in verdict.differences):
        yield f"  {remedy}", ""
    if verdict.more:
        yield f"{name}: and {verdict.more:,} more differences", "red"
