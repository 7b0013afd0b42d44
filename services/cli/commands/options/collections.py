"""``mapstream collections``: the options of its commands."""

import os
from pathlib import Path
from typing import Annotated

import typer

from services.cli import commands
from services.cli.commands.exit import finish, send
from services.cli.settings import (
    BusOptions,
    Config,
    Json,
    Output,
    Timeout,
    Url,
    load_cli_settings,
)
from shared.settings import DEFAULT_GLOB

Name = Annotated[str, typer.Argument(help="Name of the collection.")]


def build_collections_app() -> typer.Typer:
    """Put the commands together."""
    app = typer.Typer(help="The collections: a collection is one map.")
    app.command("list")(collections_list)
    app.command("show")(collections_show)
    app.command("create")(collections_create)
    app.command("rename")(collections_rename)
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


def collections_create(
    name: Name,
    *,
    title: Annotated[
        str | None, typer.Option("--title", help="What people call it; its name if not given.")
    ] = None,
    description: Annotated[
        str | None, typer.Option("--description", help="What is in it, for people.")
    ] = None,
    source: Annotated[
        list[Path] | None,
        typer.Option(
            "--source",
            help="Folder or file to read, on discovery's machine; may be given more than once. "
            "Discovery's ingestion.allowed_roots says below which folders it may lie.",
        ),
    ] = None,
    glob: Annotated[
        str, typer.Option("--glob", help="Which files of the folders are read.")
    ] = DEFAULT_GLOB,
    url: Url = None,
    output: Output = None,
    config: Config = None,
    json: Json = False,
    timeout: Timeout = 60,
) -> None:
    """Make a collection while the system runs: its sources are read at once.

    Exits with 0 if it was made, 5 if it was rejected (there is one of that name, or a folder may
    not be read), 1 if there was no answer in time: then it is made all the same.
    """
    options = BusOptions(url=url, output=output, collection=name, is_json=json)
    sources = [{"path": os.path.abspath(one), "glob": glob} for one in source or ()]  # noqa: PTH100  links stay
    given = {"title": title, "description": description, "sources": tuple(sources) or None}
    fields = {field: value for field, value in given.items() if value is not None}
    send("create", fields, options, config, timeout)


def collections_rename(
    name: Name,
    title: Annotated[str | None, typer.Argument(help="What people call it.")] = None,
    *,
    description: Annotated[
        str | None, typer.Option("--description", help="What is in it, for people.")
    ] = None,
    url: Url = None,
    output: Output = None,
    config: Config = None,
    json: Json = False,
    timeout: Timeout = 60,
) -> None:
    """Give a collection that is served another title or description.

    Its name and its id stay: they are in its subjects, its folder and its records. Exits with 0 if
    it was done, 5 if it was rejected, 1 if there was no answer in time.
    """
    options = BusOptions(url=url, output=output, collection=name, is_json=json)
    given = {"title": title, "description": description}
    fields = {field: value for field, value in given.items() if value is not None}
    send("rename", fields, options, config, timeout)
