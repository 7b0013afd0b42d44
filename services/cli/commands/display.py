"""Shows progress on the terminal, or in plain lines where there is none."""

import sys
import time
from collections import deque
from collections.abc import Sequence
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from services.cli.commands.watching import DeadLetterLine
from services.cli.domain.figures import STAGES, Figures

PLAIN_EVERY_S = 5.0
RATE_OVER_S = 5.0
LISTED = 20


class Display:
    """Progress on stderr; stdout stays free for results."""

    def __init__(self) -> None:
        self._console = Console(file=sys.stderr, highlight=False)
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
        self._console.print(Text(text, style=style), soft_wrap=True)

    def show(self, figures: Figures) -> None:
        """Show where the work stands."""
        now = time.monotonic()
        self._mapped.append((now, figures.records.mapped))
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
        return (after - before) / (end - start) if end > start else 0.0

    def _line(self, figures: Figures) -> str:
        records = figures.records
        lag = " ".join(f"{stage} {figures.lag.get(stage, 0)}" for stage in STAGES)
        return (
            f"sources {_sources(figures)} | records {records.mapped}/{records.seen} mapped, "
            f"{records.dead} dead, {self._rate():.0f}/s | lag {lag}"
            + (f" | blocked: {figures.blocked}" if figures.blocked else "")
        )

    def _table(self, figures: Figures) -> Table:
        records = figures.records
        table = Table.grid(padding=(0, 2))
        table.add_row("sources", _sources(figures))
        table.add_row(
            "records",
            f"{records.mapped} of {records.seen} mapped, {records.dead} dead, "
            f"{records.in_flight} in flight, {self._rate():.0f}/s",
        )
        table.add_row(
            "map",
            f"model {figures.version}, {figures.rows} points"
            + ("" if figures.is_published else ", files being written"),
        )
        stages = (
            f"{stage} {figures.states.get(stage, 'absent')}"
            + (f" ({figures.lag[stage]} waiting)" if figures.lag.get(stage) else "")
            for stage in STAGES
        )
        table.add_row("stages", "  ".join(stages))
        if figures.blocked:
            table.add_row("blocked", Text(figures.blocked, style="yellow"))
        return table

    def summarise(
        self, figures: Figures, seconds: float, dead: Sequence[DeadLetterLine], folder: str
    ) -> None:
        """Write the summary of a run."""
        records = figures.records
        self.say(
            f"{records.mapped} of {records.seen} records mapped, {records.dead} dead, "
            f"{records.in_flight} in flight; sources: {_sources(figures)}; {seconds:.1f} s"
        )
        if figures.version:
            first, second = figures.explained_variance_ratio
            self.say(
                f"model {figures.version} explains {first:.1%} + {second:.1%} of the variance"
            )
        for failure in figures.failures:
            self.say(f"failed: {failure['filename']}: {failure['reason']}", style="red")
        for letter in dead[-LISTED:]:
            where = f"{letter.file}:{letter.line}" if letter.line else letter.file or "a message"
            self.say(f"dead letter: {where} [{letter.stage}] {letter.reason}", style="red")
        if len(dead) > LISTED:
            self.say(f"... and {len(dead) - LISTED} more dead letters before these", style="red")
        self.say(f"dataset: {folder}")


def _sources(figures: Figures) -> str:
    parts = [f"{number} {status}" for status, number in sorted(figures.sources.items()) if number]
    return ", ".join(parts) or "none yet"
