"""The options that every command on the bus has: where that is, and how answers are shown."""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from services.cli import commands
from services.cli.commands.exit import finish
from services.cli.settings import (
    BusOptions,
    CliSettings,
    Collection,
    Config,
    Json,
    Output,
    Timeout,
    Url,
    load_cli_settings,
)

TIMEOUT_S = 60.0
Work = Callable[[BusOptions, CliSettings], Awaitable[int | None]]
Source = Annotated[str, typer.Argument(help="Filename of the source on the map, or its id.")]
OfSource = Annotated[
    str | None,
    typer.Option("--source", help="Only about this source: filename with --collection, or id."),
]
Newest = Annotated[
    int, typer.Option("--limit", min=1, max=100_000, help="How many of the newest.")
]
TextColumns = Annotated[
    list[str] | None,
    typer.Option(help="Of tables: a column that makes the text; may be repeated."),
]
ContextColumns = Annotated[
    list[str] | None,
    typer.Option(help="Of tables: a column that is kept as an attribute; may be repeated."),
]
OwnColumns = Annotated[
    bool,
    typer.Option(
        "--own", help="Do not take the columns that the collection prefers where none are named."
    ),
]
COLLECTION = (("collection", Collection, None),)
PLACE = (("url", Url, None), ("output", Output, None), ("config", Config, None))
SHOWN = (("json", Json, False),)
WAITING = (("timeout", Timeout, TIMEOUT_S),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was said by the options that every command on the bus has."""

    options: BusOptions
    config: Path | None = None
    timeout_s: float = TIMEOUT_S

    def about(self, collection: str) -> "Asked":
        """Return the same about a collection that an argument names."""
        return replace(self, options=replace(self.options, collection=collection))

    def do(self, work: Work) -> None:
        """Do the work with the configuration, and exit with its code; none is 0."""

        async def start() -> int:
            return await work(self.options, load_cli_settings(self.config)) or 0

        finish(start)

    def send(self, name: str, fields: dict[str, Any]) -> None:
        """Give a command to a service, and exit with the code that its answer calls for."""

        async def work(options: BusOptions, settings: CliSettings) -> int:
            given = commands.command.build(name, fields)
            return await commands.command.change(
                given, options, settings, timeout_s=self.timeout_s
            )

        self.do(work)


def asks_the_bus(
    *, collection: bool = True, waits: bool = False
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the common options; it gets them as ``Asked``, before its own.

    Args:
        collection: Whether it has --collection: not if an argument names that.
        waits: Whether it has --timeout: it gives a command, and waits for the answer.
    """
    added = (*(COLLECTION if collection else ()), *PLACE, *SHOWN, *(WAITING if waits else ()))

    def give(command: Callable[..., None]) -> Callable[..., None]:
        own = [*inspect.signature(command).parameters.values()][1:]

        @wraps(command)
        def told(**given: Any) -> None:
            said = {name: given.pop(name, default) for name, _, default in added}
            command(_asked(said), **given)

        shared = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=of)
            for name, of, default in added
        ]
        told.__signature__ = inspect.Signature([*own, *shared])  # type: ignore[attr-defined]
        return told

    return give


def _asked(said: dict[str, Any]) -> Asked:
    options = BusOptions(
        url=said["url"],
        output=said["output"],
        collection=said.get("collection"),
        is_json=said["json"],
    )
    timeout_s = said.get("timeout", TIMEOUT_S)
    return Asked(options=options, config=said["config"], timeout_s=timeout_s)
