"""``mapstream schedules``: the options of its commands."""

from typing import Annotated, Any

import typer

from services.cli import commands
from services.cli.commands.options.asked import (
    Asked,
    ContextColumns,
    OwnColumns,
    TextColumns,
    asks_the_bus,
)

Schedule = Annotated[str, typer.Argument(help="Id of the schedule.")]


def build_schedules_app() -> typer.Typer:
    """Put the commands together."""
    app = typer.Typer(help="Schedules: URLs that are fetched every few hours.")
    app.command("list")(schedules_list)
    app.command("add")(schedules_add)
    app.command("pause")(schedules_pause)
    app.command("resume")(schedules_resume)
    app.command("rename")(schedules_rename)
    app.command("run")(schedules_run)
    app.command("remove")(schedules_remove)
    return app


@asks_the_bus()
def schedules_list(asked: Asked) -> None:
    """List the schedules, of all collections if none is named, and what became of their slots.

    Exits with 0, or with 1 if there is no server or no discovery answers.
    """
    asked.do(commands.schedules.show_list)


@asks_the_bus()
def schedules_add(
    asked: Asked,
    address: Annotated[
        str, typer.Argument(metavar="URL", help="URL of a file, or of a Google Sheet.")
    ],
    *,
    every: Annotated[
        int, typer.Option("--every", min=1, max=168, help="Hours from one fetch to the next.")
    ] = 8,
    name: Annotated[str | None, typer.Option("--name", help="What the file is called.")] = None,
    text_column: TextColumns = None,
    context_column: ContextColumns = None,
    own: OwnColumns = False,
) -> None:
    """Have a URL fetched every few hours, the first time at once.

    Each fetch is a job, by schedule:ID. Slots at which nobody is there are missed, and not caught
    up; one at which the source still has a job is overlapped. Exits with 0, 5 if the collection
    has a schedule of this URL, 1 if nobody answers.
    """
    fields = {
        "url": address,
        "every_hours": every,
        "filename": name,
        "text_columns": tuple(text_column or ()),
        "context_columns": tuple(context_column) if context_column else None,
        "columns": "own" if own else "preferred",
    }
    _change(asked, "add", fields)


@asks_the_bus(collection=False)
def schedules_pause(asked: Asked, schedule: Schedule) -> None:
    """Let the slots of a schedule pass without a run; they count as missed."""
    _change(asked, "change", {"schedule": schedule, "is_paused": True})


@asks_the_bus(collection=False)
def schedules_resume(
    asked: Asked,
    schedule: Schedule,
    *,
    every: Annotated[
        int | None, typer.Option("--every", min=1, max=168, help="With another period.")
    ] = None,
) -> None:
    """Let a schedule go on with the next slot of its grid, or on another grid from now."""
    fields = {"schedule": schedule, "is_paused": False, "every_hours": every}
    _change(asked, "change", fields)


@asks_the_bus(collection=False)
def schedules_rename(
    asked: Asked,
    schedule: Schedule,
    name: Annotated[str, typer.Argument(help="What the file is called from now on.")],
) -> None:
    """Have what a schedule fetches called otherwise: from its next run on it is another source.

    What was fetched before stays on the map. Exits with 0, 5 if another schedule fetches the URL
    by this name, 1 if nobody answers.
    """
    _change(asked, "change", {"schedule": schedule, "filename": name})


@asks_the_bus(collection=False)
def schedules_run(asked: Asked, schedule: Schedule) -> None:
    """Fetch now, whatever the grid says; ten times a minute at most.

    Exits with 0, 5 if the source has a job or that was too often, 1 if nobody answers.
    """
    _change(asked, "run", {"schedule": schedule})


@asks_the_bus(collection=False)
def schedules_remove(asked: Asked, schedule: Schedule) -> None:
    """Remove a schedule; what it has fetched stays on the map."""
    _change(asked, "remove", {"schedule": schedule})


def _change(asked: Asked, action: str, fields: dict[str, Any]) -> None:
    asked.do(
        lambda options, settings: commands.schedules.change(options, settings, action, fields)
    )
