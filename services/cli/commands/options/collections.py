"""``mapstream collections``: the options of its commands."""

from typing import Annotated

import typer

from services.cli import commands
from services.cli.commands.exit import finish
from services.cli.settings import BusOptions, Config, Json, Output, Url, load_cli_settings

Name = Annotated[str, typer.Argument(help="Name of the collection.")]


def build_collections_app() -> typer.Typer:
    """Put the commands together."""
    app = typer.Typer(help="The collections: a collection is one map.")
    app.command("list")(collections_list)
    app.command("show")(collections_show)
    return app


def collections_list(
    *, url: Url = None, output: Output = None, config: Config = None, json: Json = False
) -> None:
    """List the collections by name.

    Exits with 0, or with 1 if there is no server or no discovery answers.
    """
    options = BusOptions(url=url, output=output, is_json=json)

    async def start() -> int:
        await commands.collections.show_list(options, load_cli_settings(config))
        return 0

    finish(start)


def collections_show(
    name: Name,
    *,
    url: Url = None,
    output: Output = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Show all that is kept of a collection.

    Exits with 0, with 1 if there is none of that name, no server, or no discovery answers.
    """
    options = BusOptions(url=url, output=output, is_json=json)

    async def start() -> int:
        await commands.collections.show(name, options, load_cli_settings(config))
        return 0

    finish(start)
