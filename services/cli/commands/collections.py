"""Prints which collections there are, and what is kept of one."""

import json
import sys
from collections.abc import Iterator

from rich.console import Console

from services.cli.commands.connection import connected
from services.cli.commands.tables import Row, facts, listed
from services.cli.handlers.waits import second_of
from services.cli.settings import BusOptions, CliSettings
from shared.bus.reading.collections import CollectionBook
from shared.bus.registry.channel import check_collection
from shared.contracts.collections import CollectionRecord
from shared.errors import TransientError

COLUMNS = ("name", "title", "kind", "state", "made", "from")


async def show_list(options: BusOptions, settings: CliSettings) -> None:
    """Print every collection, in the order of their names.

    Raises:
        TransientError: The bus cannot be reached, or no discovery answers.
    """
    async with connected(options, settings.nats) as client:
        found = await CollectionBook(client).all()
    if options.is_json:
        told = [one.model_dump(mode="json") for one in found]
        sys.stdout.write(json.dumps({"collections": told}) + "\n")
        return
    console = Console(highlight=False)
    for part in listed(COLUMNS, [_row(one) for one in found], width=console.width):
        console.print(part)


async def show(name: str, options: BusOptions, settings: CliSettings) -> None:
    """Print what is kept of a collection.

    Raises:
        ConfigurationError: No collection may have that name.
        TransientError: The bus cannot be reached, no discovery answers, or there is none.
    """
    check_collection(name)
    async with connected(options, settings.nats) as client:
        found = await CollectionBook(client).find(name)
    if found is None:
        raise TransientError(f"there is no collection '{name}'; see: mapstream collections list")
    if options.is_json:
        sys.stdout.write(found.model_dump_json() + "\n")
    else:
        Console(highlight=False).print(facts(_facts(found)))


def _row(one: CollectionRecord) -> tuple[str, ...]:
    return one.name, one.title, one.kind, one.state, second_of(one.created_at), one.origin


def _facts(one: CollectionRecord) -> Iterator[Row]:
    yield from zip(COLUMNS, _row(one), strict=True)
    if one.description:
        yield "description", one.description
    yield "analysis", "where one is configured" if one.is_analyzed else "no"
    yield "id", one.id
    yield "revision", f"{one.revision:,}"
