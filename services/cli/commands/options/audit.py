"""``mapstream audit``: its options."""

from typing import Annotated

import typer

from services.cli import commands
from services.cli.commands.exit import finish
from services.cli.settings import (
    BusOptions,
    Collection,
    Config,
    Json,
    Output,
    Url,
    load_cli_settings,
)


def audit(
    *,
    limit: Annotated[
        int, typer.Option("--limit", min=1, max=100_000, help="How many of the newest.")
    ] = 50,
    collection: Collection = None,
    url: Url = None,
    output: Output = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Tell who gave which command to a collection, and what became of it, refused ones too.

    Who is the user of the bus, gateway:NAME with a token of the gateway, or local (local:NAME).
    """
    options = BusOptions(url=url, output=output, collection=collection, is_json=json)

    async def start() -> int:
        await commands.audit.show(options, load_cli_settings(config), limit=limit)
        return 0

    finish(start)
