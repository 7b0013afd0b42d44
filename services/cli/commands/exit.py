"""How the commands end: with an exit code, and a known error in one line."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import typer

from services.cli import commands
from services.cli.settings import BusOptions, load_cli_settings
from shared.errors import MapstreamError
from shared.mistakes import tell


def send(
    name: str, fields: dict[str, Any], options: BusOptions, config: Path | None, timeout_s: float
) -> None:
    """Give a command to a service, and exit with the code that its answer calls for."""

    async def start() -> int:
        given = commands.command.build(name, fields)
        settings = load_cli_settings(config)
        return await commands.command.change(given, options, settings, timeout_s=timeout_s)

    finish(start)


def finish(start: Callable[[], Coroutine[Any, Any, int]]) -> None:
    """Run a command and exit with its code; a known error is one line, not a traceback."""
    try:
        code = asyncio.run(start())
    except MapstreamError as error:
        code = tell(error)
    raise typer.Exit(code)
