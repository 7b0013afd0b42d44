"""How the commands end: with an exit code, and a known error in one line."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import typer

from shared.errors import MapstreamError
from shared.mistakes import tell


def finish(start: Callable[[], Coroutine[Any, Any, int]]) -> None:
    """Run a command and exit with its code; a known error is one line, not a traceback."""
    try:
        code = asyncio.run(start())
    except MapstreamError as error:
        code = tell(error)
    raise typer.Exit(code)
