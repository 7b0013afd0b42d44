"""Shows progress on the terminal, or in plain lines where there is none."""

import sys
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table

from services.cli.commands.tables import (
    NO_RECORD,
    Row,
    facts,
    gone,
    incomplete,
    ledger,
    model,
    plain,
    sources,
)
from services.cli.commands.watcher import DeadLetters
from services.cli.handlers.figures import Figures
from services.cli.handlers.waits import sentence_of
from shared.services import STAGES

PLAIN_EVERY_S = 5.0
RATE_OVER_S = 5.0
LISTED = 20
REMEDY = (
    "what to do: with a run at work, mapstream dead list shows them; after a fix, mapstream dead "
    "replay --all tries them again; mapstream dead drop gives them up (docs/dead-letters.md)"
)
COLUMNS = "--text text --x projection_x --y projection_y"


class Display:
    """Progress on stderr; stdout stays free for results."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(file=sys.stderr, highlight=False)
        self._live: Live | None = None
        self._said_at = 0.0
        self._said = ""
        self._mapped: deque[tuple[float, int]] = deque()

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live = Live(console=self._console, refresh_per_second=4, transient=True)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def say(self, text: str, *, style: str = "") -> None:
        """Write a line that stays."""
        self._console.print(plain(text, style), soft_wrap=True)

    def show(self, figures: Figures) -> None:
        """Show where the work stands."""
        now = time.monotonic()
        self._mapped.append((now, figures.ledger.records.mapped))
        while now - self._mapped[0][0] > RATE_OVER_S:
            self._mapped.popleft()
        if self._live:
            self._live.update(self._table(figures))
            return
        line = self._line(figures)
        if line != self._said and now - self._said_at >= PLAIN_EVERY_S:
            self._said, self._said_at = line, now
            self.say(line)

    def _rate(self) -> float:
        (start, before), (end, after) = self._mapped[0], self._mapped[-1]
        # A source that is replaced or forgotten takes records away.
        return max(0.0, (after - before) / (end - start)) if end > start else 0.0

    def _line(self, figures: Figures) -> str:
        blocked = [f"{stage} blocked: {why}" for stage, why in _blocked(figures)]
        if not figures.is_everybody_running and not figures.ledger.records.seen:
            return " | ".join([f"starting: {', '.join(_not_running(figures))}", *blocked])
        records = figures.ledger.records
        waiting = _waiting(figures)
        mapped = f"{records.mapped:,} of {records.seen:,} mapped"
        parts = [
            f"sources: {sources(figures)}",
            f"records: {mapped}, {records.dead:,} dead, {self._rate():,.0f}/s",
            *([f"messages waiting: {waiting}"] if waiting else []),
            *blocked,
        ]
        return " | ".join(parts)

    def _table(self, figures: Figures) -> Table:
        records = figures.ledger.records
        published = "" if figures.is_published else ", files being written"
        rows = [
            ("stages", _stages(figures)),
            ("sources", sources(figures)),
            ("records", f"{ledger(records)}, {self._rate():,.0f}/s"),
            ("map", f"{figures.dataset.rows:,} points, {model(figures)}{published}"),
        ]
        rows += [("blocked", f"{stage}: {why}") for stage, why in _blocked(figures)]
        return facts(rows)

    def summarise(self, figures: Figures, seconds: float, dead: DeadLetters, folder: Path) -> None:
        """Write the summary of a run."""
        if not figures.ledger.has_looked and not figures.ledger.records.seen:
            self.say("stopped before anything was read")
            return
        self._console.print(facts(_summary(figures, seconds)))
        if figures.dataset.rows:
            self.say(f"map      {folder / 'logs.parquet'}")
            self.say(f"open it  embedding-atlas {folder / 'logs.parquet'} {COLUMNS}")
        for text, style in _unread(figures):
            self.say(text, style=style)
        shown = dead.newest[-LISTED:]
        for letter in shown:
            where = f"{letter.file}:{letter.line}" if letter.line else letter.file or "a message"
            self.say(f"dead letter: {where} [{letter.stage}] {letter.reason}", style="red")
        if (more := dead.total - len(shown)) > 0:
            self.say(f"... and {more:,} more dead letters before these", style="red")
        if figures.ledger.records.dead > figures.ledger.records.dropped:
            self.say(REMEDY, style="red")


def _unread(figures: Figures) -> Iterator[tuple[str, str]]:
    """Say of what was not read why, with a style for each line."""
    for line in incomplete(figures.ledger.incomplete, figures.ledger.incomplete_sources):
        yield f"incomplete: {line}", "yellow"
    for line in gone(figures.ledger.gone, figures.ledger.gone_sources):
        yield f"gone: {line}", "yellow"
    if figures.is_empty and not figures.has_casualties:
        yield _nothing(figures), "red"
    for failure in figures.ledger.failures:
        what = "held back" if failure.is_held else "failed"
        yield f"{what}: {failure.filename}: {failure.reason}", "red"


def _nothing(figures: Figures) -> str:
    if figures.ledger.sources.get("completed"):
        return f"nothing is mapped: {NO_RECORD}"
    if figures.ledger.sources.get("incomplete"):
        return "nothing is mapped: every source is incomplete"
    return "nothing is mapped: there is no source; check the path, and --glob (mapstream run -h)"


def _summary(figures: Figures, seconds: float) -> Iterator[Row]:
    yield "records", ledger(figures.ledger.records)
    yield "sources", sources(figures)
    yield "model", model(figures)
    if figures.recalled:
        yield "vectors", f"{figures.recalled:,} known from before"
    yield "time", f"{seconds:.1f} s"


def _blocked(figures: Figures) -> list[Row]:
    """List what stands still and why; what lasts also says since when."""
    lasting = [(one.stage, sentence_of(one)) for one in figures.waits]
    known = {stage for stage, _ in lasting}
    return [*lasting, *((one, why) for one, why in figures.blocked.items() if one not in known)]


def _stages(figures: Figures) -> str:
    """Name the stages that do not run, and what waits before which."""
    absent = [f"{stage} {figures.states.get(stage, 'absent')}" for stage in _not_running(figures)]
    waiting = _waiting(figures)
    return ", ".join(absent or ["all running"]) + (f"; waiting: {waiting}" if waiting else "")


def _waiting(figures: Figures) -> str:
    return ", ".join(f"{figures.lag[one]:,} for {one}" for one in STAGES if figures.lag.get(one))


def _not_running(figures: Figures) -> list[str]:
    return [stage for stage in STAGES if figures.states.get(stage) != "running"]
