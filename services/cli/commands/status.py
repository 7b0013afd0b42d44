"""``mapstream status``: how every stage is, and where every record is."""

import json
import sys
from collections.abc import Iterator

from rich.console import Console
from rich.table import Table

from services.cli.commands.connection import connected
from services.cli.commands.tables import (
    Row,
    facts,
    gone,
    incomplete,
    ledger,
    model,
    percent,
    plain,
    sources,
)
from services.cli.commands.watcher import Watcher
from services.cli.handlers.figures import Figures
from services.cli.handlers.waits import second_of, sentence_of
from services.cli.settings import BusOptions, CliSettings
from shared.bus.connection import Client
from shared.contracts.statuses import HeldRefit
from shared.services import STAGES

WAIT_S = 0.5


async def status(options: BusOptions, settings: CliSettings) -> int:
    """Ask every service once and print what it tells.

    Returns:
        The exit code: 0 every stage runs; 1 one does not.

    Raises:
        ConfigurationError: Nobody serves the collection.
        TransientError: The bus cannot be reached, or has no streams.
    """
    async with connected(options, settings.nats) as client:
        watcher = await Watcher.of(client, options.collection, settings.collections)
        figures = await watcher.ask(wait_s=WAIT_S, is_patient=True)
        url = _address(client)
    if options.is_json:
        report = {"collection": watcher.collection, **figures.report()}
        sys.stdout.write(json.dumps(report) + "\n")
    else:
        console = Console(highlight=False)
        console.print(plain(f"collection {watcher.collection} on {url}"), end="\n\n")
        console.print(_stages(figures))
        console.print()
        console.print(facts(rows(figures)))
    return 0 if figures.is_everybody_running else 1


def _address(client: Client) -> str:
    return client.connected_url.netloc.rsplit("@", 1)[-1] if client.connected_url else ""


def _stages(figures: Figures) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("stage", "state"):
        table.add_column(name)
    for name in ("instances", "waiting"):
        table.add_column(name, justify="right")
    for stage in STAGES:
        blocked = figures.blocked.get(stage)
        halted = figures.halted.get(stage)
        has_since = any(one.stage == stage for one in figures.waits)
        reason = "blocked" if has_since else f"blocked: {blocked}"
        state = reason if blocked else figures.states[stage]
        state = f"halted: {halted}" if halted else state
        style = "" if state == "running" else "red" if state == "absent" else "yellow"
        lag = f"{figures.lag.get(stage, 0):,}"
        table.add_row(stage, plain(state, style), str(figures.instances[stage]), lag)
    return table


def rows(figures: Figures) -> Iterator[Row]:
    """List the facts about a collection."""
    for wait in figures.waits:
        yield wait.stage, sentence_of(wait)
    yield "sources", sources(figures)
    yield "records", ledger(figures.ledger.records)
    yield "map", model(figures)
    stale = "; some came after the last fit" if figures.model.is_stale else ""
    yield "counted", f"{figures.model.records:,} records{stale}"
    if figures.model.held:
        yield "held", _held(figures.model.held)
    dataset, state = figures.dataset, "fresh" if figures.is_published else "behind"
    yield "dataset", f"{dataset.rows:,} rows, version {dataset.dataset_version}; files {state}"
    for failure in figures.ledger.failures:
        what = "held back" if failure.is_held else "failed"
        yield what, f"{failure.filename}: {failure.reason}"
    for line in incomplete(figures.ledger.incomplete, figures.ledger.incomplete_sources):
        yield "incomplete", line
    for line in gone(figures.ledger.gone, figures.ledger.gone_sources):
        yield "gone", line
    yield from _stalled(figures)
    for one in figures.ledger.contradicted:
        yield "contradicted", f"{one.filename}: {one.what}"


def _stalled(figures: Figures) -> Iterator[Row]:
    for one in figures.ledger.stalled:
        stage = one.stage
        trouble = figures.blocked.get(stage) or figures.states.get(stage)
        why = f" ({trouble})" if trouble and trouble != "running" else ""
        told = f"{one.in_flight:,} records in flight, held by {stage}{why}"
        since = f"nothing has moved since {second_of(one.since)}"
        yield "stalled", f"{one.filename}: {told}; {since}"
    if (more := figures.ledger.stalled_sources - len(figures.ledger.stalled)) > 0:
        yield "stalled", f"and {more:,} more sources"


def _held(held: HeldRefit) -> str:
    share, budget = held.movement.rms_share, held.decision.movement_budget
    return (
        f"a refit would move points by {percent(share)} of the map's diagonal, the budget is "
        f"{percent(budget)}; apply it with: mapstream refit --force"
    )
