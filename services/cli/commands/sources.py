"""Uploads files through the gateway, and prints which sources a collection has."""

import asyncio
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from services.cli.adapters.http_upload import Tell, upload
from services.cli.commands import jobs
from services.cli.commands.connection import connected
from services.cli.commands.gateways import find_gateway
from services.cli.commands.tables import listed
from services.cli.handlers.statuses import choose_collection, served_collections
from services.cli.settings import BusOptions, CliSettings
from shared.bus.asking import ask
from shared.bus.registry.questions import SOURCES_LIST
from shared.bus.status import collect
from shared.contracts.source_list import ListSources, SourceRow
from shared.errors import ConfigurationError
from shared.redaction import redact
from shared.terminal_safe import terminal_safe

COLUMNS = ("name", "from", "status", "version", "mapped", "dead", "bytes", "why")
NUMBERS = ("version", "mapped", "dead", "bytes")
EXIT_REFUSED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class AddOptions:
    """What is said of the files, and where they are sent."""

    files: Sequence[Path]
    gateway: str | None
    token_file: Path | None
    replace: bool
    text_columns: Sequence[str]
    context_columns: Sequence[str] | None
    columns: str

    @property
    def said(self) -> dict[str, Any]:
        """As the gateway takes it."""
        context = None if self.context_columns is None else [*self.context_columns]
        return {
            "replace": self.replace,
            "text_columns": [*self.text_columns],
            "context_columns": context,
            "columns": self.columns,
        }


async def add(
    fields: Mapping[str, Any], options: BusOptions, settings: CliSettings, *, is_watched: bool
) -> int:
    """Upload files one after the other; one that is refused stops no other.

    Args:
        fields: Those of ``AddOptions``.
        options: Which bus and collection.
        settings: The configuration.
        is_watched: Whether the jobs that read them are shown until they have ended.

    Returns:
        The exit code: 0, or 5 if one was refused; of watched jobs, as of those.

    Raises:
        ConfigurationError: A file cannot be read, or the collection must be chosen.
        TransientError: The gateway or the bus does not answer.
    """
    wanted = AddOptions(**fields)
    for one in wanted.files:
        if not one.is_file():
            raise ConfigurationError(f"{one}: is no file; name one")
    collection, gateway = await find_gateway(wanted.gateway, wanted.token_file, options, settings)
    told = []
    for one in wanted.files:
        with _progress(one, is_shown=not options.is_json) as tell:
            done = await asyncio.to_thread(upload, gateway, collection, one, wanted.said, tell)
        told.append({"file": str(one)} | done)
        if not options.is_json:
            _show(one, done)
    if options.is_json:
        sys.stdout.write(json.dumps({"files": told}, ensure_ascii=False) + "\n")
    code = EXIT_REFUSED if any(one["state"] == "refused" for one in told) else 0
    ids = [one["job"] for one in told if one["state"] == "added" and one.get("job")]
    return max(code, await jobs.watch(ids, options, settings)) if is_watched and ids else code


async def show_list(options: BusOptions, settings: CliSettings) -> None:
    """Print the sources of a collection, in the order of their names.

    Raises:
        ConfigurationError: The collection must be chosen.
        TransientError: The bus cannot be reached, or no discovery answers.
    """
    async with connected(options, settings.nats) as client:
        collection = options.collection
        if collection is None:
            served = served_collections(await collect(client))
            collection = choose_collection(None, served, settings.collections)
        found: list[SourceRow] = []
        after: str | None = ""
        while after is not None:
            page = await ask(client, SOURCES_LIST, ListSources(collection=collection, after=after))
            found += page.items
            after = page.next_after
    if options.is_json:
        rows = [one.model_dump(mode="json") for one in found]
        sys.stdout.write(json.dumps({"sources": rows}, ensure_ascii=False) + "\n")
        return
    console = Console(highlight=False)
    shown = [_row(one) for one in found]
    for part in listed(COLUMNS, shown, width=console.width, numbers=NUMBERS):
        console.print(part)


def _row(one: SourceRow) -> tuple[str, ...]:
    return (
        one.filename,
        one.kind,
        one.status,
        f"{one.source_version}",
        f"{one.mapped:,}",
        f"{one.dead:,}",
        f"{one.size_bytes:,}",
        one.reason or "",
    )


@contextmanager
def _progress(file: Path, *, is_shown: bool) -> Iterator[Tell]:
    """Show how much of a file was sent."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=console, disable=not is_shown, transient=True) as shown:
        task = shown.add_task(terminal_safe(file.name), total=file.stat().st_size)
        yield lambda count: shown.advance(task, count)


def _show(file: Path, done: dict[str, Any]) -> None:
    told = {
        "added": f"added as {done.get('filename')}, job {done.get('job')}",
        "pending": f"uploaded; discovery has not answered yet, its job will be {done.get('job')}",
        "refused": f"refused: {done.get('reason')}",
    }
    sys.stdout.write(terminal_safe(redact(f"{file}: {told[done['state']]}")) + "\n")
