"""Prints who gave which command, and what became of it."""

import sys
from collections import deque

from rich.console import Console
from rich.table import Table

from services.cli.commands.connecting import connected
from services.cli.commands.tables import plain
from services.cli.commands.watching import Watcher
from services.cli.settings import BusOptions, CliSettings
from shared.bus.auditing import AuditLog
from shared.contracts.audit import AuditEntry, AuditPage

AT_ONCE = 200


async def show(options: BusOptions, settings: CliSettings, *, limit: int) -> None:
    """Print the newest audited commands of a collection, oldest first.

    Raises:
        ConfigurationError: The collection must be chosen.
        TransientError: The bus cannot be reached.
    """
    newest: deque[AuditEntry] = deque(maxlen=limit)
    async with connected(options, settings.nats) as client:
        watcher = await Watcher.of(client, options.collection, settings.collections)
        after: int | None = 0
        while after is not None:
            page = await AuditLog(client).page(watcher.collection, after=after, limit=AT_ONCE)
            newest += page.items
            after = page.next_after
    if options.is_json:
        told = AuditPage(collection=watcher.collection, items=tuple(newest))
        sys.stdout.write(told.model_dump_json(exclude={"next_after"}) + "\n")
        return
    console = Console(highlight=False)
    if newest:
        console.print(_table(newest))
    console.print(f"{len(newest):,} commands to collection {watcher.collection}")


def _table(entries: deque[AuditEntry]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("when", "who", "command", "outcome", "what"):
        table.add_column(name, overflow="fold")
    for one in entries:
        event = one.event
        when = (event.given_at or event.occurred_at).strftime("%Y-%m-%d %H:%M:%S")
        what = f"{event.wish} {event.reason or ''}".strip()
        told = (when, event.who, event.command.removeprefix("command."), event.outcome, what)
        table.add_row(*map(plain, told))
    return table
