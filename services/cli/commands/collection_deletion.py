"""``mapstream collections delete``: says what goes, asks whether that is meant, and does it."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from services.cli.commands.command import change
from services.cli.commands.connection import connected
from services.cli.commands.tables import Row, facts
from services.cli.handlers.statuses import told_of
from services.cli.settings import DEFAULT_OUTPUT, BusOptions, CliSettings
from shared.bus.connection import BusError
from shared.bus.reading.collections import CollectionBook
from shared.bus.registry.channel import check_collection
from shared.bus.status import collect
from shared.contracts.collections import CollectionRecord
from shared.contracts.commands import Delete
from shared.contracts.status_reading import Statuses
from shared.contracts.statuses import DatasetFigures, SourceFigures
from shared.errors import ConfigurationError, TransientError

UNSURE = "say --yes if that is meant: nobody can be asked here, and it cannot be undone"


async def delete(
    name: str, options: BusOptions, settings: CliSettings, *, is_sure: bool, timeout_s: float
) -> int:
    """Delete a collection, once it is sure that this is meant.

    Returns:
        The exit code; see ``domain.outcomes``.

    Raises:
        ConfigurationError: It was not said that it is meant, and nobody can be asked.
        TransientError: There is none of this name, no discovery answers, or the bus is away.
    """
    check_collection(name)
    if not is_sure and not await _is_meant(name, options, settings):
        sys.stderr.write("nothing was deleted\n")
        return 1
    return await change(Delete(), options, settings, timeout_s=timeout_s)


async def _is_meant(name: str, options: BusOptions, settings: CliSettings) -> bool:
    """Tell what would go, and ask for the name.

    Raises:
        ConfigurationError: Nobody can be asked.
        TransientError: There is none of this name, or the bus or discovery does not answer.
    """
    async with connected(options, settings.nats) as client:
        found = await CollectionBook(client).find(name)
        try:
            statuses = await collect(client, awaited=("discovery", "writing"))
        except BusError as error:
            raise TransientError(f"the bus was lost: {error}") from error
    if found is None:
        raise TransientError(f"there is no collection '{name}'; see: mapstream collections list")
    console = Console(highlight=False, stderr=True)
    console.print(facts(_rows(found, statuses, options.output or DEFAULT_OUTPUT)))
    if not sys.stdin.isatty():
        raise ConfigurationError(UNSURE)
    sys.stderr.write(f"Type the name of the collection to delete it: {name}? ")
    sys.stderr.flush()
    return sys.stdin.readline().strip() == name


def _rows(found: CollectionRecord, statuses: Statuses, output: Path) -> Iterator[Row]:
    yield "deletes", f"{found.name}, called {found.title}"
    sources = told_of(statuses, found.name, SourceFigures)
    dataset = told_of(statuses, found.name, DatasetFigures)
    if sources:
        yield "sources", f"{sum(sources.sources.values()):,}"
        records = sources.records
        yield "records", f"{records.mapped:,} mapped, {records.dead:,} dead, {records.seen:,} read"
    if dataset:
        yield "rows", f"{dataset.rows:,}, with model {dataset.model_version} and those before"
    folder = output / found.name
    if folder.is_dir():
        yield "bytes", f"{_bytes(folder):,} in {folder}"
    yield "and", "its messages, dead letters and events on the bus, and all that is known of it"
    yield "keeps", "the files that it was read from, and the audit of commands"
    yield "its name", "is never used again"


def _bytes(folder: Path) -> int:
    return sum(
        Path(where, name).lstat().st_size for where, _, names in os.walk(folder) for name in names
    )
