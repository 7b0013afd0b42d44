"""``mapstream top``: the stages, live."""

import asyncio
import contextlib
import json
import signal
import sys
import termios
import time
import tty
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from services.cli.commands.connection import connected
from services.cli.commands.status import rows
from services.cli.commands.tables import facts, plain
from services.cli.commands.watcher import Watcher
from services.cli.handlers.figures import Figures
from services.cli.handlers.traffic import Window
from services.cli.settings import BusOptions, CliSettings
from shared.contracts.statuses import Traffic
from shared.services import STAGES

EVERY_S = 1.0
WINDOW_S = 5.0
ANSWER_S = 0.3
WIDEST = 10_000
COLUMNS = ("in/s", "out/s", "waiting", "handling", "age", "failed", "again", "dead")


async def top(options: BusOptions, settings: CliSettings, *, is_once: bool) -> int:
    """Show the stages until told to leave; one table if nobody watches, unless JSON is wanted.

    Returns:
        The exit code: 0 every stage runs; 1 one does not.

    Raises:
        ConfigurationError: Nobody serves the collection.
        TransientError: The bus cannot be reached, or has no streams.
    """
    console = Console(highlight=False)
    async with connected(options, settings.nats) as client:
        watcher = await Watcher.of(client, options.collection, settings.collections)
        figures = await watcher.ask(wait_s=ANSWER_S, is_patient=True)
        window = Window(WINDOW_S)
        window.add(time.monotonic(), figures.traffic)
        if is_once or not (console.is_terminal or options.is_json):
            await asyncio.sleep(EVERY_S)
            figures = await _look(watcher, window)
            if options.is_json:
                _print_json(figures, window, watcher.collection)
            else:
                console.print(view(figures, window, watcher.collection, width=console.width))
        elif options.is_json:
            figures = await _tell(watcher, window, figures)
        else:
            figures = await _watch(console, watcher, window, figures)
    return 0 if figures.is_everybody_running else 1


async def _tell(watcher: Watcher, window: Window, figures: Figures) -> Figures:
    """Print a line of JSON a look, until told to leave or nobody reads on."""
    with leaving() as left, contextlib.suppress(BrokenPipeError):
        while not left.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(left.wait(), EVERY_S)
            if not left.is_set():
                figures = await _look(watcher, window)
                _print_json(figures, window, watcher.collection)
    return figures


async def _watch(console: Console, watcher: Watcher, window: Window, figures: Figures) -> Figures:
    with leaving() as left, Live(console=console, screen=True, auto_refresh=False) as live:
        while not left.is_set():
            shown = view(figures, window, watcher.collection, width=console.width)
            live.update(shown, refresh=True)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(left.wait(), EVERY_S)
            if not left.is_set():
                figures = await _look(watcher, window)
    return figures


async def _look(watcher: Watcher, window: Window) -> Figures:
    figures = await watcher.look(wait_s=ANSWER_S, is_patient=True)
    window.add(time.monotonic(), figures.traffic)
    return figures


@contextlib.contextmanager
def leaving() -> Iterator[asyncio.Event]:
    """Give an event that is set by q, Ctrl-C or SIGTERM; single keys are read meanwhile."""
    loop, left = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, left.set)
    if not sys.stdin.isatty():
        yield left
        return
    keyboard = sys.stdin.fileno()
    before = termios.tcgetattr(keyboard)

    def on_key() -> None:
        if sys.stdin.read(1) in {"q", "Q", ""}:
            left.set()

    tty.setcbreak(keyboard)
    loop.add_reader(keyboard, on_key)
    try:
        yield left
    finally:
        loop.remove_reader(keyboard)
        termios.tcsetattr(keyboard, termios.TCSADRAIN, before)


def _print_json(figures: Figures, window: Window, collection: str) -> None:
    sys.stdout.write(json.dumps(told(figures, window, collection)) + "\n")
    sys.stdout.flush()


def told(figures: Figures, window: Window, collection: str) -> dict[str, Any]:
    """Write one look as ``--json`` prints it: what ``status`` tells, and the traffic."""
    report = figures.report()
    for stage, facts_of_it in report["stages"].items():
        rates, so_far = window.rates(stage), figures.traffic.get(stage, Traffic())
        facts_of_it |= {
            "records_in_per_s": round(rates.records_in, 3),
            "records_out_per_s": round(rates.records_out, 3),
            "handling_s": rates.handling_s,
            "age_s": rates.age_s,
            "failed": round(so_far.failed),
            "redelivered": round(so_far.redelivered),
            "dead": round(so_far.dead),
        }
    return {"collection": collection, **report}


def view(figures: Figures, window: Window, collection: str, *, width: int) -> Group:
    """Lay out one look, a stage a row; a stage a column where rows are too long."""
    head = Text(f"mapstream, collection {collection}; q leaves", style="dim")
    rows_of_it = [
        (stage, _state(stage, figures), *_cells(stage, figures, window)) for stage in STAGES
    ]
    wide = _table(("stage", "state", *COLUMNS), rows_of_it)
    turned = zip(("state", *COLUMNS), *[cells[1:] for cells in rows_of_it], strict=True)
    is_wide = Console(width=WIDEST).measure(wide).maximum <= width
    table = wide if is_wide else _table(("", *STAGES), turned)
    return Group(head, Text(), table, Text(), facts(rows(figures)))


def _table(names: Iterable[str], lines: Iterable[Sequence[str | Text]]) -> Table:
    """Lay out a table whose figures stand on the right."""
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="dim", collapse_padding=True)
    for name in names:
        is_left = name in {"", "stage", "state"}
        table.add_column(name, justify="left" if is_left else "right", overflow="fold")
    for line in lines:
        table.add_row(*line)
    return table


def _state(stage: str, figures: Figures) -> Text:
    state = "blocked" if stage in figures.blocked else figures.states.get(stage, "absent")
    count = figures.instances.get(stage, 0)
    several = f" ({count})" if count > 1 else ""
    style = "" if state == "running" else "red" if state == "absent" else "yellow"
    return plain(state + several, style)


def _cells(stage: str, figures: Figures, window: Window) -> Iterator[str | Text]:
    rates, so_far = window.rates(stage), figures.traffic.get(stage)
    # Discovery reads files, not the bus: what comes in there are the others' news.
    yield "" if stage == STAGES[0] else f"{rates.records_in:,.0f}"
    yield "" if stage == STAGES[-1] else f"{rates.records_out:,.0f}"
    yield f"{figures.lag.get(stage, 0):,}"
    yield _seconds(rates.handling_s)
    yield _seconds(rates.age_s)
    for name in ("failed", "redelivered", "dead"):
        count = getattr(so_far, name) if so_far else 0.0
        yield Text(f"{count:,.0f}", style="red" if count and name == "dead" else "")


def _seconds(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.1f} s" if value >= 1 else f"{1000 * value:,.0f} ms"
