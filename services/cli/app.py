"""The commands and their options."""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer

from services.cli.settings import CliSettings, RunOptions, load_cli_settings
from shared.errors import ConfigurationError, MapstreamError

CONFIGURATION = 2
FAILURE = 1

Config = Annotated[
    Path | None, typer.Option("--config", help="A config.yaml; see docs/configuration.md.")
]
Collections = Annotated[
    list[str] | None, typer.Option("--collection", help="A collection; may be repeated.")
]


def build_app() -> typer.Typer:
    """Put the commands together.

    Modules that talk to the bus are imported when they are needed: ``--help`` answers at once.
    """
    app = typer.Typer(
        name="mapstream",
        help="Turn a growing pile of text into a live map.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.command("run")(run)
    streams = typer.Typer(help="The streams and durable consumers of the bus.")
    streams.command("apply")(streams_apply)
    streams.command("show")(streams_show)
    streams.command("table")(streams_table)
    app.add_typer(streams, name="streams", no_args_is_help=True)
    return app


def run(  # noqa: PLR0913  the options of the command
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Folders or files with logs of agent runs.")
    ] = None,
    *,
    once: Annotated[
        bool, typer.Option("--once", help="Map what is there, refit, and exit.")
    ] = False,
    output: Annotated[Path, typer.Option(help="Folder of the dataset and of all state.")] = Path(
        "mapstream-out"
    ),
    collection: Annotated[str, typer.Option(help="Name of the map.")] = "default",
    glob: Annotated[str, typer.Option(help="Which files of a folder are read.")] = "**/*.jsonl",
    config: Config = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print the summary as JSON on stdout.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be read; touch nothing.")
    ] = False,
) -> None:
    """Read logs, embed them, and keep a map of them on disk: everything on this machine.

    Starts a private nats-server, the embedding server and every service, shows progress, and
    stops them cleanly on Ctrl-C. With --once it exits when everything is mapped: code 0 when all
    of it is, 3 when something was dead-lettered or failed, 2 when the configuration is wrong.

    The map is OUTPUT/COLLECTION/logs.parquet; open it with: embedding-atlas logs.parquet --text
    text --x projection_x --y projection_y
    """
    options = RunOptions(
        paths=paths or [],
        output=output,
        collection=collection,
        glob=glob,
        is_once=once,
        is_json=json,
        is_dry=dry_run,
    )

    async def start() -> int:
        from services.cli.commands import dry_run, run  # noqa: PLC0415  see build_app

        settings: CliSettings = load_cli_settings(config)
        run.check(options, settings)
        start = dry_run.dry_run if options.is_dry else run.run
        return await start(options, settings)

    _finish(start)


def streams_apply(
    collection: Collections = None,
    config: Config = None,
    replicas: Annotated[int, typer.Option(min=1, max=5, help="Copies in a cluster.")] = 1,
) -> None:
    """Create or update every stream, and the durable consumers of the collections."""

    async def start() -> int:
        from services.cli.commands import streams  # noqa: PLC0415  see build_app

        settings = load_cli_settings(config)
        names = collection or list(settings.collections)
        await streams.apply(settings.nats.url, names, replicas=replicas)
        return 0

    _finish(start)


def streams_show(collection: Collections = None, config: Config = None) -> None:
    """Show what every stream holds and what its consumers have left."""

    async def start() -> int:
        from services.cli.commands import streams  # noqa: PLC0415  see build_app

        settings = load_cli_settings(config)
        await streams.show(settings.nats.url, collection or list(settings.collections))
        return 0

    _finish(start)


def streams_table() -> None:
    """Print the map of subjects as Markdown."""
    from services.cli.commands import streams  # noqa: PLC0415  see build_app

    sys.stdout.write(streams.table() + "\n")


def _finish(start: Callable[[], Coroutine[Any, Any, int]]) -> None:
    """Run a command and exit with its code; a known error is one line, not a traceback."""
    try:
        code = asyncio.run(start())
    except ConfigurationError as error:
        sys.stderr.write(f"mapstream: {error}\n")
        code = CONFIGURATION
    except MapstreamError as error:
        sys.stderr.write(f"mapstream: {error}\n")
        code = FAILURE
    raise typer.Exit(code)
