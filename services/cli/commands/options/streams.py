"""``mapstream streams``: the options of its commands; the work is in ``streams``."""

import sys
from typing import Annotated

import typer

from services.cli import commands
from services.cli import settings as cli
from services.cli.commands.exit import finish
from services.cli.commands.options.asked import Asked, asks_the_bus
from services.cli.commands.options.streams_copies import add_copies


def build_streams_app() -> typer.Typer:
    """Put the commands about streams together."""
    streams = typer.Typer(help="The streams and durable consumers of the bus.")
    streams.command("apply")(streams_apply)
    streams.command("show")(streams_show)
    streams.command("table")(streams_table)
    streams.command("permissions")(streams_permissions)
    add_copies(streams)
    return streams


def streams_apply(
    collection: cli.Collections = None,
    url: cli.Url = None,
    config: cli.Config = None,
    replicas: Annotated[
        int | None,
        typer.Option(min=1, max=5, help="Copies in a cluster; else nats.replicas."),
    ] = None,
) -> None:
    """Create or update every stream, and the durable consumers of the collections.

    The bus is that of --url, else nats.url of the configuration.
    """

    async def start() -> int:
        settings = cli.load_cli_settings(config)
        names = collection or list(settings.collections)
        options = cli.BusOptions(url=url or settings.nats.url)
        copies = replicas or settings.nats.replicas
        await commands.streams.apply(options, settings, names, replicas=copies)
        return 0

    finish(start)


@asks_the_bus(collection=False)
def streams_show(asked: Asked, *, collection: cli.Collections = None) -> None:
    """Show what every stream holds and what its consumers have left."""
    asked.do(
        lambda options, settings: commands.streams.show(
            options, settings.nats, collection or list(settings.collections)
        )
    )


def streams_table() -> None:
    """Print the map of subjects as Markdown."""
    sys.stdout.write(commands.streams.table() + "\n")


def streams_permissions() -> None:
    """Print the users of the bus and what each may say and hear, for nats.conf."""
    sys.stdout.write(commands.streams.permissions())
