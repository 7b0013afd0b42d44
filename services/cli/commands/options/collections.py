"""``mapstream collections``: the options of its commands."""

import os
from pathlib import Path
from typing import Annotated

import typer

from services.cli import commands
from services.cli.commands.options.asked import Asked, asks_the_bus
from shared.settings import DEFAULT_GLOB

Name = Annotated[str, typer.Argument(help="Name of the collection.")]


def build_collections_app() -> typer.Typer:
    """Put the commands together."""
    app = typer.Typer(help="The collections: a collection is one map.")
    app.command("list")(collections_list)
    app.command("show")(collections_show)
    app.command("create")(collections_create)
    app.command("rename")(collections_rename)
    app.command("delete")(collections_delete)
    return app


@asks_the_bus(collection=False)
def collections_list(asked: Asked) -> None:
    """List the collections by name.

    Exits with 0, or with 1 if there is no server or no discovery answers.
    """
    asked.do(commands.collections.show_list)


@asks_the_bus(collection=False)
def collections_show(
    asked: Asked,
    name: Name,
) -> None:
    """Show all that is kept of a collection.

    Exits with 0, with 1 if there is none of that name, no server, or no discovery answers.
    """
    asked.do(lambda options, settings: commands.collections.show(name, options, settings))


@asks_the_bus(collection=False, waits=True)
def collections_create(
    asked: Asked,
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
) -> None:
    """Make a collection while the system runs: its sources are read at once.

    Exits with 0 if it was made, 5 if it was rejected (there is one of that name, or a folder may
    not be read), 1 if there was no answer in time: then it is made all the same.
    """
    sources = [{"path": os.path.abspath(one), "glob": glob} for one in source or ()]  # noqa: PTH100  links stay
    given = {"title": title, "description": description, "sources": tuple(sources) or None}
    fields = {field: value for field, value in given.items() if value is not None}
    asked.about(name).send("create", fields)


@asks_the_bus(collection=False, waits=True)
def collections_rename(
    asked: Asked,
    name: Name,
    title: Annotated[str | None, typer.Argument(help="What people call it.")] = None,
    *,
    description: Annotated[
        str | None, typer.Option("--description", help="What is in it, for people.")
    ] = None,
    analysis: Annotated[
        bool | None,
        typer.Option(
            "--analysis/--no-analysis",
            help="Whether what is fetched or uploaded goes through the analysis service, if the "
            "configuration names one (analysis.url).",
        ),
    ] = None,
) -> None:
    """Give a collection that is served another title or description, or say who reads its files.

    Its name and its id stay: they are in its subjects, its folder and its records. Exits with 0 if
    it was done, 5 if it was rejected, 1 if there was no answer in time.
    """
    given = {"title": title, "description": description, "is_analyzed": analysis}
    fields = {field: value for field, value in given.items() if value is not None}
    asked.about(name).send("rename", fields)


@asks_the_bus(collection=False, waits=True)
def collections_delete(
    asked: Asked,
    name: Name,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether it is meant.")] = False,
) -> None:
    """Delete a collection for good: its map, its model, its messages and all that is known of it.

    Files that it was read from stay; its name is never used again. Without --yes it says what
    goes, and asks. One that the configuration names must be taken out of it first. Exits with 0
    if nothing is left of it, 5 if it was rejected, 2 if --yes is missing and nobody can be asked,
    1 if nobody meant it or there was no answer in time: then it goes on all the same.
    """
    asked.about(name).do(
        lambda options, settings: commands.collection_deletion.delete(
            name, options, settings, is_sure=yes, timeout_s=asked.timeout_s
        )
    )
