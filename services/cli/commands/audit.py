"""Prints who gave which command, and what became of it."""

import sys
from collections import deque
from collections.abc import Sequence

from rich.console import Console

from services.cli.commands.connection import connected
from services.cli.commands.tables import listed
from services.cli.commands.watcher import Watcher
from services.cli.settings import BusOptions, CliSettings
from shared.bus.reading.audit_log import AuditLog
from shared.contracts.audit import AuditEntry, AuditPage

AT_ONCE = 200
COLUMNS = ("when", "who", "command", "outcome", "what")


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
    for part in listed(COLUMNS, [_row(one) for one in newest], width=console.width):
        console.print(part)
    noun = "command" if len(newest) == 1 else "commands"
    console.print(f"{len(newest):,} {noun} to collection {watcher.collection}")


def _row(entry: AuditEntry) -> Sequence[str]:
    event = entry.event
    when = (event.given_at or event.occurred_at).strftime("%Y-%m-%d %H:%M:%S")
    what = f"{event.wish} {event.reason or ''}".strip()
    return when, event.who, event.command.removeprefix("command."), event.outcome, what
