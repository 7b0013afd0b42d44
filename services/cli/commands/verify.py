"""``mapstream verify``: whether ledger, dataset, moments, model and public files agree."""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from anyio import to_thread
from rich.console import Console

from services.cli.adapters.kept_map import FolderMap
from services.cli.adapters.kept_state import collections_in
from services.cli.adapters.owners import FolderOwners, running
from services.cli.adapters.scikit_learn_opinion import second_opinion
from services.cli.adapters.sqlite_tally import open_tally
from services.cli.commands.run_lock import LOCK as RUN_LOCK
from services.cli.commands.run_lock import OTHERS, only_run
from services.cli.commands.tables import plain
from services.cli.domain.verdict import Verdict
from services.cli.handlers.repair import Repair, repair
from services.cli.handlers.verify import verify
from services.cli.settings import CliSettings
from shared.environment import ENVIRONMENT
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
    is_repair: bool = False
    with_sources: bool = False


async def verify_folders(options: VerifyOptions, settings: CliSettings | None = None) -> int:
    """Compare every collection, have it mended if that is asked for, and print what was found.

    Returns:
        The exit code: 0 equal; 7 something differs; 8 not at rest.

    Raises:
        ConfigurationError: Something cannot be read, there is nothing, or a service still runs.
        MapstreamError: Something could not be mended.
    """
    if options.is_repair:
        repairs = await _repairs(options, settings or CliSettings())
    else:
        verdicts = await to_thread.run_sync(_verdicts, options)
        repairs = [Repair(one) for one in verdicts]
    if options.is_json:
        sys.stdout.write(json.dumps([_document(one) for one in repairs]) + "\n")
    else:
        console = Console(highlight=False)
        for one in repairs:
            for line, style in _lines(one):
                console.print(plain(line, style), soft_wrap=True)
    if not all(one.left.is_at_rest for one in repairs):
        return NOT_AT_REST
    return DIFFERENT if any(one.left.differences for one in repairs) else EQUAL


def _verdicts(options: VerifyOptions) -> list[Verdict]:
    return [_verdict(options, collection) for collection in _collections(options)]


def _verdict(options: VerifyOptions, collection: str) -> Verdict:
    with open_tally() as tally:
        kept = FolderMap(options.state, options.output, collection)
        return verify(kept, tally, second_opinion, with_sources=options.with_sources)


async def _repairs(options: VerifyOptions, settings: CliSettings) -> list[Repair]:
    """Have every collection mended, while no service runs.

    Raises:
        ConfigurationError: One of them does.
        MapstreamError: Something could not be mended.
    """
    os.umask(settings.umask(os.umask(OTHERS)))
    environment = ENVIRONMENT | {
        "MAPSTREAM_STATE__FOLDER": str(options.state.resolve()),
        "MAPSTREAM_OUTPUT__FOLDER": str(options.output.resolve()),
    }
    repairs = []
    with _no_run(options.state):
        for collection in _collections(options):
            _require_rest(options, collection)
            look = partial(to_thread.run_sync, _verdict, options, collection)
            owners = FolderOwners(environment, options.output, collection)
            repairs.append(await repair(look, owners))
    return repairs


def _no_run(state: Path) -> AbstractContextManager[None]:
    """Keep ``mapstream run`` away from a folder that is one of its."""
    return only_run(state) if (state / RUN_LOCK).exists() else nullcontext()


def _require_rest(options: VerifyOptions, collection: str) -> None:
    folders = {
        "discovery": options.state / "discovery",
        "projection": options.state / "projection",
        "writing": options.output / collection,
    }
    if services := list(running(folders)):
        raise ConfigurationError(
            f"{', '.join(services)} still run{'s' if len(services) == 1 else ''} on what is to be "
            "mended: stop all services first"
        )


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


def _document(repair: Repair) -> dict[str, object]:
    """Return what was found and done as scripts read it."""
    verdict = repair.left
    return {
        "collection": verdict.collection,
        "is_equal": verdict.is_at_rest and not verdict.differences,
        "is_at_rest": verdict.is_at_rest,
        "rows": verdict.rows,
        "sources": verdict.sources,
        "sources_under_way": verdict.unsettled,
        "batches_pending": verdict.pending,
        "sources_not_read": verdict.unread,
        "differences": [asdict(one) for one in verdict.differences],
        "more_differences": verdict.more,
        "repaired": repair.done,
        "by_hand": repair.by_hand,
    }


def _lines(repair: Repair) -> Iterator[tuple[str, str]]:
    verdict = repair.left
    for line in repair.done:
        yield f"{verdict.collection}: mended: {line}", ""
    for line in repair.by_hand:
        yield f"{verdict.collection}: {line}", "red"
    yield from _found(verdict)


def _found(verdict: Verdict) -> Iterator[tuple[str, str]]:
    name, size = verdict.collection, f"{verdict.rows:,} rows of {verdict.sources:,} sources"
    if verdict.is_changing:
        yield f"{name}: not at rest: it changed while it was read; look again later", "yellow"
        return
    for line in _under_way(verdict):
        yield f"{name}: not at rest: {line}", "yellow"
    if verdict.unread:
        yield f"{name}: {verdict.unread:,} sources are not plain, or not as they were", "yellow"
    if verdict.is_at_rest and not verdict.differences:
        yield f"{name}: equal, {size}", "green"
    for one in verdict.differences:
        where = f"{name}, {one.source}" if one.source else name
        yield f"{where}: {one.what}: expected {one.expected}, found {one.found}", "red"
    for remedy in dict.fromkeys(one.remedy for one in verdict.differences):
        yield f"  {remedy}", ""
    if verdict.more:
        yield f"{name}: and {verdict.more:,} more differences", "red"


def _under_way(verdict: Verdict) -> Iterator[str]:
    if verdict.unsettled:
        yield f"{verdict.unsettled:,} sources have records on their way, or are to be read again"
    if verdict.untold:
        yield f"projection has model {verdict.untold}, which it tells when it runs"
    if verdict.pending:
        yield f"projection has not heard of {verdict.pending:,} batches whether they are stored"
