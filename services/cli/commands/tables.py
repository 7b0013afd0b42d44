"""How figures are written for people, the same in every command."""

from collections.abc import Collection, Iterable, Iterator, Sequence

from rich.table import Table
from rich.text import Text

from services.cli.handlers.figures import Figures, is_balanced
from services.cli.handlers.waits import second_of
from shared.contracts.statuses import GoneSource, IncompleteSource, Ledger
from shared.redaction import redact
from shared.terminal_safe import terminal_safe

Row = tuple[str, str]
ONE_PERCENT = 0.01
TINY = 0.0001
NO_RECORD = (
    "what is at its end holds no record, which is a line of type iteration with a response, or of "
    "type initial_prompt with a prompt"
)
ROWS_FROM = 80
"""Characters: in a narrower window, columns are a few letters wide."""


def facts(rows: Iterable[Row]) -> Table:
    """Lay out names and values; long values wrap beside their name."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(plain(name), plain(value))
    return table


def listed(
    names: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    width: int,
    numbers: Collection[str] = (),
    whole: Collection[str] = (),
) -> Iterator[Table | Text]:
    """Lay out entries with a row each, or one below the other where that is too narrow.

    Args:
        names: Of the columns.
        rows: The value of each column; may come from outside.
        width: Of the terminal, in characters.
        numbers: Columns that are set to the right.
        whole: Columns that stay on one line, since they are copied.
    """
    if width < ROWS_FROM:
        for row in rows:
            yield facts((name, value) for name, value in zip(names, row, strict=True) if value)
            yield Text()
        return
    if not rows:
        return
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in names:
        is_number = name in numbers
        table.add_column(
            name, justify="right" if is_number else "left",
            overflow="ellipsis" if is_number else "fold", no_wrap=name in whole,
        )  # fmt: skip
    for row in rows:
        table.add_row(*map(plain, row))
    yield table


def plain(text: str, style: str = "") -> Text:
    """Write text that may come from outside: filenames and reasons may hold anything."""
    return Text(terminal_safe(redact(text)), style=style)


def percent(share: float) -> str:
    """Write a share of one; small ones keep two digits, what is next to nothing is nothing."""
    small = TINY <= abs(share) < ONE_PERCENT
    return f"{100 * share:.2g}%" if small else f"{share:.1%}"


def sources(figures: Figures) -> str:
    """Count the sources by status, those statuses that occur."""
    parts = [
        f"{number:,} {status}"
        for status, number in sorted(figures.ledger.sources.items())
        if number
    ]
    return ", ".join(parts) or "none yet"


def incomplete(sources: Sequence[IncompleteSource], count: int) -> Iterator[str]:
    """Name the sources that are not read yet, why and since when; the rest is counted."""
    for one in sources:
        reason = one.reason or "not looked at again since an upgrade"
        since = f"; since {second_of(one.since)}" if one.since else ""
        yield f"{one.filename}: {reason}{since}"
    if (more := count - len(sources)) > 0:
        yield f"and {more:,} more"


def gone(sources: Sequence[GoneSource], count: int) -> Iterator[str]:
    """Name the sources that are not there any more, and what is still mapped of them."""
    for one in sources:
        if one.same_as:
            yield f"{one.filename}: its file is read as {one.same_as}"
            continue
        since, mapped = second_of(one.since), f"{one.mapped:,} records"
        yield f"{one.filename}: not there since {since}; {mapped} stay until they are forgotten"
    if (more := count - len(sources)) > 0:
        yield f"and {more:,} more"


def ledger(records: Ledger) -> str:
    """Write where every record is; an unequal sign would be a defect."""
    sign = "=" if is_balanced(records) else "≠"
    dropped = f" ({records.dropped:,} dropped)" if records.dropped else ""
    held = f" ({records.held:,} held back)" if records.held else ""
    return (
        f"{records.seen:,} seen {sign} {records.mapped:,} mapped + {records.dead:,} dead{dropped} "
        f"+ {records.in_flight:,} in flight{held}"
    )


def model(figures: Figures) -> str:
    """Name the current model and what its axes explain."""
    if not figures.model.version:
        return "no model yet"
    first, second = figures.axes
    return (
        f"model {figures.model.version}, axes explain {percent(first)} + {percent(second)} "
        "of the variance"
    )
