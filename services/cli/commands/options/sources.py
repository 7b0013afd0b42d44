"""``mapstream sources``: the options of its commands."""

from pathlib import Path
from typing import Annotated

import typer

from services.cli import commands
from services.cli.commands.options.asked import (
    Asked,
    ContextColumns,
    OwnColumns,
    TextColumns,
    asks_the_bus,
)
from services.cli.commands.options.jobs import (
    Watch,
    sources_delete,
    sources_fetch,
    sources_reembed,
)


def build_sources_app() -> typer.Typer:
    """Put the commands together."""
    app = typer.Typer(help="The sources of a collection: files of folders, and uploaded ones.")
    app.command("add")(sources_add)
    app.command("fetch")(sources_fetch)
    app.command("list")(sources_list)
    app.command("reembed")(sources_reembed)
    app.command("delete")(sources_delete)
    app.command("preferences")(sources_preferences)
    return app


@asks_the_bus()
def sources_add(
    asked: Asked,
    files: Annotated[list[Path], typer.Argument(help="Tables, logs of agents, texts.")],
    *,
    replace: Annotated[
        bool, typer.Option("--replace", help="Take the place of uploaded files of these names.")
    ] = False,
    text_column: TextColumns = None,
    context_column: ContextColumns = None,
    own: OwnColumns = False,
    keep: Annotated[
        bool,
        typer.Option("--keep", help="Have the collection prefer these columns from now on."),
    ] = False,
    gateway: Annotated[
        str | None, typer.Option("--gateway", help="Its address; else the bus tells it.")
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option(help="A file that holds the token, if the gateway wants one.")
    ] = None,
    watch: Watch = False,
) -> None:
    """Upload files to a collection through the gateway; a job has each read as a source of it.

    A second file of a name becomes `name (2).ext`, unless --replace is given. What a file is, its
    content tells; `mapstream look FILE` shows how it is read. Exits with 0 if all were taken, 5 if
    one was refused, 1 if the gateway or the bus does not answer; with --watch as jobs watch does.
    """
    fields = {
        "files": files,
        "gateway": gateway,
        "token_file": token_file,
        "replace": replace,
        "text_columns": text_column or (),
        "context_columns": context_column or None,
        "columns": "kept" if keep else "own" if own else "preferred",
    }
    asked.do(
        lambda options, settings: commands.sources.add(fields, options, settings, is_watched=watch)
    )


@asks_the_bus()
def sources_preferences(
    asked: Asked,
    *,
    text_column: TextColumns = None,
    context_column: ContextColumns = None,
    all_columns: Annotated[
        bool, typer.Option("--all-columns", help="Prefer none: all columns make the text.")
    ] = False,
) -> None:
    """Tell which columns of its tables a collection prefers; with columns, choose those.

    What is uploaded or fetched without columns of its own is read by them, as far as it has them,
    and keeps them until it is embedded again: mapstream sources reembed --with-preferences. Each
    choice is a version. Exits with 0, 5 if no table has a column, 1 if nobody answers.
    """
    is_choice = all_columns or bool(text_column or context_column)
    asked.do(
        lambda options, settings: commands.preferences.work(
            options,
            settings,
            text=() if all_columns else text_column or (),
            context=None if all_columns else context_column or None,
            is_choice=is_choice,
        )
    )


@asks_the_bus()
def sources_list(asked: Asked) -> None:
    """List the sources of a collection by name, and how far each is.

    Exits with 0, or with 1 if there is no server or no discovery answers.
    """
    asked.do(commands.sources.show_list)
