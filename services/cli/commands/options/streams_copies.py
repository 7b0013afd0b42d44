"""The options of ``mapstream streams export`` and ``import``."""

from pathlib import Path
from typing import Annotated

import typer

from services.cli import commands
from services.cli import settings as cli
from services.cli.commands.exit import finish

Folder = Annotated[Path, typer.Argument(help="Folder of the copies; text of records is in it.")]


def add_copies(streams: typer.Typer) -> None:
    """Add the commands that move the streams between a single server and a cluster."""
    streams.command("export")(streams_export)
    streams.command("import")(streams_import)


def streams_export(folder: Folder, url: cli.Url = None, config: cli.Config = None) -> None:
    """Copy all streams, with the places of their consumers, into a new folder.

    Stop all services first. The bus is that of --url, else nats.url of the configuration.
    """

    async def start() -> int:
        settings = cli.load_cli_settings(config)
        options = cli.BusOptions(url=url or settings.nats.url)
        await commands.streams_copies.export(options, settings, folder)
        return 0

    finish(start)


def streams_import(
    folder: Folder,
    *,
    collection: cli.Collections = None,
    url: cli.Url = None,
    config: cli.Config = None,
    replicas: Annotated[
        int | None,
        typer.Option(min=1, max=5, help="Copies in a cluster; else nats.replicas."),
    ] = None,
) -> None:
    """Make all streams from a folder of copies, on a server or a cluster with an empty store.

    Then it does what apply does. The bus is that of --url, else nats.url of the configuration.
    """

    async def start() -> int:
        settings = cli.load_cli_settings(config)
        names = collection or list(settings.collections)
        options = cli.BusOptions(url=url or settings.nats.url)
        copies = replicas or settings.nats.replicas
        await commands.streams_copies.restore(options, settings, folder, names, replicas=copies)
        return 0

    finish(start)
