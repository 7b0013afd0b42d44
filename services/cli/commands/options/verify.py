"""The options of ``mapstream verify``."""

from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from services.cli import settings as cli
from services.cli.commands.exit import finish
from shared.errors import ConfigurationError

NEEDS = (
    "the dataset cannot be opened here, pylance is not installed: use a checkout's "
    ".venv/bin/mapstream after make setup, on the machine that has the folders"
)


def verify(
    *,
    output: Annotated[
        Path, typer.Option(help="Folder of the dataset, as of mapstream run.")
    ] = cli.DEFAULT_OUTPUT,
    state: Annotated[
        Path | None, typer.Option(help="Folder of all state; OUTPUT/state if not given.")
    ] = None,
    collection: cli.Collection = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Have the owners mend what they can.")
    ] = False,
    sources: Annotated[
        bool,
        typer.Option("--sources", help="Read the sources again, and compare ids and texts."),
    ] = False,
    config: cli.Config = None,
    json: cli.Json = False,
) -> None:
    """Compare what is kept of every map, row by row, and name what differs.

    The ledger's accounts, the rows and vectors of the dataset, the moments and the models, the
    public files. Needs no bus and no service; of a map that is at work it can only say that it is
    not at rest. Nothing is changed, unless --repair says so: then rows that are there twice go,
    moments, batches and models are made again from the dataset, the public files are written
    again, and sources whose rows are not what they must be are marked; discovery reads them again
    when it runs. For that, all services have to be stopped.

    Exits with 0 if all is equal, 7 if something differs, 8 if something was on its way or is
    marked, 2 if something cannot be read or a service still runs.
    """

    async def start() -> int:
        try:
            work = import_module("services.cli.commands.verify")
        except ImportError as error:
            raise ConfigurationError(NEEDS) from error
        options = work.VerifyOptions(
            output=output,
            state=state or output / "state",
            collection=collection,
            is_json=json,
            is_repair=repair,
            with_sources=sources,
        )
        code: int = await work.verify_folders(options, cli.load_cli_settings(config))
        return code

    finish(start)
