"""``mapstream dead``: the options of its commands."""

import sys
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from services.cli import commands
from services.cli.commands.options.asked import Asked, asks_the_bus
from shared.services import READERS

HELP = """Dead letters: what could not be mapped, and why.

list and show read them from the bus. replay tries them again after a fix: an unreadable line is
read again from its source, a record or batch goes again to the stage that gave it up. drop gives
them up for good.
"""
Sequences = Annotated[
    list[int] | None, typer.Argument(min=1, help="Numbers of dead letters, as list shows them.")
]
Stage = Annotated[
    str | None,
    typer.Option("--stage", help=f"{', '.join(READERS[:-1])} or {READERS[-1]}."),
]
Source = Annotated[
    str | None, typer.Option("--source", help="Filename of their source on the map, or its id.")
]
Since = Annotated[
    datetime | None,
    typer.Option(
        "--since",
        formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"],
        help="Only those that were given up then or later, in UTC.",
    ),
]
All = Annotated[bool, typer.Option("--all", help="Every dead letter of the collection.")]


def build_dead_app() -> typer.Typer:
    """Put the commands together."""
    app = typer.Typer(help=HELP)
    for name, command in (("list", dead_list), ("show", dead_show), ("replay", dead_replay)):
        app.command(name)(command)
    app.command("drop")(dead_drop)
    return app


@asks_the_bus()
def dead_list(
    asked: Asked,
    *,
    stage: Stage = None,
    source: Source = None,
    since: Since = None,
    after: Annotated[
        int, typer.Option("--after", min=0, help="Go on after this number, for the next page.")
    ] = 0,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="How many.")] = 50,
) -> None:
    """List dead letters, oldest first: number, file, line, byte, record, stage, tries, reason."""
    fields = _fields(None, stage, source, since)
    asked.do(
        lambda options, settings: commands.dead.show_list(
            options, settings, commands.dead.selection_of(fields), after=after, limit=limit
        )
    )


@asks_the_bus(collection=False)
def dead_show(
    asked: Asked,
    sequence: Annotated[int, typer.Argument(min=1, help="Its number, as list shows it.")],
    *,
    raw: Annotated[
        bool, typer.Option("--raw", help="Write its bytes as they are, and nothing else.")
    ] = False,
) -> None:
    """Show all that is known of a dead letter, and what it holds."""
    asked.do(
        lambda options, settings: commands.dead.show_one(options, settings, sequence, is_raw=raw)
    )


@asks_the_bus(waits=True)
def dead_replay(
    asked: Asked,
    sequences: Sequences = None,
    *,
    stage: Stage = None,
    source: Source = None,
    since: Since = None,
    every: All = False,
) -> None:
    """Try dead letters again: by number, by filter, or --all.

    Their records are in flight again, and then mapped or dead again; see: mapstream status. Exits
    with 0 if all were sent, 3 if some were refused and stay, 1 if there was no answer in time.
    """
    fields = _fields(sequences, stage, source, since)
    asked.send("replay", _chosen(fields, every=every))


@asks_the_bus(waits=True)
def dead_drop(
    asked: Asked,
    sequences: Sequences = None,
    *,
    stage: Stage = None,
    source: Source = None,
    since: Since = None,
    every: All = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether --all is meant.")] = False,
) -> None:
    """Give dead letters up for good: by number, by filter, or --all. They are deleted.

    Their records stay counted as dead, and as dropped: run --once no longer exits with 3 for them.
    Exit codes are those of replay.
    """
    fields = _fields(sequences, stage, source, since)
    fields = _chosen(fields, every=every)
    if every and not yes:
        typer.confirm("Delete every dead letter of the collection?", abort=True, err=True)
    asked.send("drop", fields)


def _fields(
    sequences: list[int] | None, stage: str | None, source: str | None, since: datetime | None
) -> dict[str, Any]:
    """Return the fields of the command that were given."""
    fields = {
        "sequences": tuple(sequences) if sequences else None,
        "stage": stage,
        "source": source,
        "since": since.replace(tzinfo=UTC) if since else None,
    }
    # An empty text stays, and is refused: it is what a variable holds that was never set.
    return {name: value for name, value in fields.items() if value is not None}


def _chosen(fields: dict[str, Any], *, every: bool) -> dict[str, Any]:
    """Return the fields of a command that means either all or some."""
    if bool(fields) == every:
        sys.stderr.write(
            "mapstream: say which dead letters: by number, with --stage, --source or --since, or "
            "--all alone (see: mapstream dead list)\n"
        )
        raise typer.Exit(2)
    return {"all": True} if every else fields
