"""The commands and their options."""

import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from services.cli import commands
from services.cli import settings as cli
from services.cli.commands.exit import finish
from services.cli.commands.options.asked import Asked, Source, asks_the_bus
from services.cli.commands.options.audit import audit
from services.cli.commands.options.collections import build_collections_app
from services.cli.commands.options.dead import build_dead_app
from services.cli.commands.options.jobs import build_jobs_app
from services.cli.commands.options.look import look
from services.cli.commands.options.manifests import build_manifests_app
from services.cli.commands.options.matches import build_matches_app
from services.cli.commands.options.model import build_model_app
from services.cli.commands.options.schedules import build_schedules_app
from services.cli.commands.options.sources import build_sources_app
from services.cli.commands.options.streams import build_streams_app
from services.cli.commands.options.verify import verify
from shared.settings import DEFAULT_GLOB


def build_app() -> typer.Typer:
    """Put the commands together.

    Modules that talk to the bus are imported when they are needed: ``--help`` answers at once.
    """
    app = typer.Typer(
        name="mapstream",
        context_settings={"help_option_names": ["-h", "--help"]},
        help="Turn a growing pile of text into a live map.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback()(mapstream)
    for command in (run, check, look, status, top, refit, rollback, forget, audit, verify):
        app.command(command.__name__)(command)
    app.add_typer(build_streams_app(), name="streams", no_args_is_help=True)
    app.add_typer(build_collections_app(), name="collections", no_args_is_help=True)
    app.add_typer(build_sources_app(), name="sources", no_args_is_help=True)
    app.add_typer(build_jobs_app(), name="jobs", no_args_is_help=True)
    app.add_typer(build_schedules_app(), name="schedules", no_args_is_help=True)
    app.add_typer(build_manifests_app(), name="manifests", no_args_is_help=True)
    app.add_typer(build_matches_app(), name="matches", no_args_is_help=True)
    app.add_typer(build_dead_app(), name="dead", no_args_is_help=True)
    app.add_typer(build_model_app(), name="model", no_args_is_help=True)
    return app


def tell_version(is_asked: bool) -> None:  # noqa: FBT001  as typer calls it
    """Print the version and exit, if that is asked for."""
    if is_asked:
        sys.stdout.write(f"mapstream {version('mapstream')}\n")
        raise typer.Exit


def mapstream(
    *,
    is_version: Annotated[
        bool,
        typer.Option("--version", callback=tell_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Turn a growing pile of text into a live map."""


Paths = Annotated[
    list[Path] | None, typer.Argument(help="Folders or files with logs of agent runs.")
]
RunOutput = Annotated[Path, typer.Option(help="Folder of the dataset and of all state.")]
RunCollection = Annotated[str, typer.Option(help="Name of the map.")]
Glob = Annotated[str, typer.Option(help="Which files of a folder are read.")]


def run(
    paths: Paths = None,
    *,
    once: Annotated[
        bool, typer.Option("--once", help="Map what is there, refit, and exit.")
    ] = False,
    output: RunOutput = cli.DEFAULT_OUTPUT,
    collection: RunCollection = "default",
    glob: Glob = DEFAULT_GLOB,
    config: cli.Config = None,
    json: cli.Json = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be read; touch nothing.")
    ] = False,
    deep_check: cli.DeepCheck = False,
    open_page: Annotated[
        bool,
        typer.Option("--open", help="Show the page in a browser; not with --once."),
    ] = False,
) -> None:
    """Read logs and keep a map of them on disk, all on this machine.

    Starts a private nats-server, the embedding server and every service, shows progress, and
    stops them on Ctrl-C. With --once it exits when everything is mapped: code 0 all of it is, 3
    something is dead or failed (see: mapstream dead), 6 nothing could be mapped (no source,
    none at its end, or none with a record), 130 interrupted. Code 2: the configuration is wrong.

    The map is OUTPUT/COLLECTION/logs.parquet; open it with: embedding-atlas logs.parquet --text
    text --x projection_x --y projection_y
    """
    options = cli.RunOptions(
        paths=paths or [],
        output=output,
        collection=collection,
        glob=glob,
        is_once=once,
        is_json=json,
        is_dry=dry_run,
        is_deep=deep_check,
        opens_page=open_page and not once,
    )

    async def start() -> int:
        settings = await commands.check.load_all(options, config)
        start = commands.dry_run.dry_run if options.is_dry else commands.run.run
        return await start(options, settings)

    finish(start)


def check(
    paths: Paths = None,
    *,
    output: RunOutput = cli.DEFAULT_OUTPUT,
    collection: RunCollection = "default",
    glob: Glob = DEFAULT_GLOB,
    config: cli.Config = None,
    json: cli.Json = False,
) -> None:
    """Look at all that a run needs, and say what is well and what is not; nothing is changed.

    The configuration of every service, the sources, the folders, locks, links and room on the
    disk. Exits with 0 if a run can start, 2 if not.
    """
    options = cli.RunOptions(
        paths=paths or [], output=output, collection=collection, glob=glob, is_once=False,
        is_json=json, is_dry=False,
    )  # fmt: skip

    async def start() -> int:
        return await commands.check.check(options, config)

    finish(start)


@asks_the_bus()
def status(asked: Asked) -> None:
    """Show how every stage is and where every record is.

    Exits with 0 if every stage runs, 1 if one does not or the bus does not answer.
    """
    asked.do(commands.status.status)


@asks_the_bus()
def top(
    asked: Asked,
    *,
    once: Annotated[bool, typer.Option("--once", help="Look once, print it and exit.")] = False,
) -> None:
    """Watch every stage live: what goes in and out, waits and fails; q or Ctrl-C leaves.

    With --json it prints a line of JSON a second, with --once as well just one. Exits as status.
    """
    asked.do(lambda options, settings: commands.top.top(options, settings, is_once=once))


@asks_the_bus(waits=True)
def refit(
    asked: Asked,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what it would bring; change nothing.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Also if points move further than the budget allows.")
    ] = False,
    reason: Annotated[str, typer.Option(help="For the history of models.")] = "command",
) -> None:
    """Fit the projection to all records so far; waits until the files show it.

    Exits with 0 if it was done or previewed, 4 if it is held because points would move too far,
    5 if it was rejected, 1 if there was no answer in time.
    """
    fields = {"dry_run": dry_run, "force": force, "reason": reason}
    asked.send("refit", fields)


@asks_the_bus(waits=True)
def rollback(
    asked: Asked,
    *,
    to: Annotated[
        int | None, typer.Option("--to", min=1, help="The version; the one before if not given.")
    ] = None,
) -> None:
    """Make an older model current again, as a new version; waits until the files show it.

    Exit codes are those of refit.
    """
    asked.send("rollback", {"to_version": to})


@asks_the_bus(waits=True)
def forget(
    asked: Asked,
    source: Source,
) -> None:
    """Take a source's records off the map and out of the model.

    The file itself stays; when its content changes it is read again. Exits with 0 if it was done,
    5 if it was rejected, 1 if there was no answer in time.
    """
    asked.send("forget", {"source": source})
