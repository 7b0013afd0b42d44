"""The options of ``mapstream verify``."""

from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from services.cli import settings as cli
from services.cli.commands.exit import finish


def verify(
    *,
    output: Annotated[
        Path, typer.Option(help="Folder of the dataset, as of mapstream run.")
    ] = cli.DEFAULT_OUTPUT,
    state: Annotated[
        Path | None, typer.Option(help="Folder of all state; OUTPUT/state if not given.")
    ] = None,
    collection: cli.Collection = None,
    json: cli.Json = False,
) -> None:
    """Compare what is kept of every map, row by row, and name what differs; nothing is changed.

    The ledger's accounts, the rows and vectors of the dataset, the moments and the models, the
    public files. Needs no bus and no service; of a map that is at work it can only say that it is
    not at rest. Exits with 0 if all is equal, 7 if something differs, 8 if something was on its
    way, 2 if something cannot be read.
    """

    async def start() -> int:
        work = import_module("services.cli.commands.verify")
        options = work.VerifyOptions(
            output=output,
            state=state or output / "state",
            collection=collection,
            is_json=json,
        )
        code: int = await work.verify_folders(options)
        return code

    finish(start)
