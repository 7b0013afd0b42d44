"""``mapstream manifests``: the options of its commands."""

from typing import Annotated, Any

import typer

from services.cli import commands
from services.cli.commands.options.asked import Asked, asks_the_bus

Manifest = Annotated[str, typer.Argument(help="Id of the manifest.")]


def build_manifests_app() -> typer.Typer:
    """Put the commands together."""
    app = typer.Typer(help="Manifests: lists of sources that are applied every few hours.")
    app.command("list")(manifests_list)
    app.command("apply")(manifests_apply)
    app.command("show")(manifests_show)
    app.command("pause")(manifests_pause)
    app.command("resume")(manifests_resume)
    app.command("run")(manifests_run)
    app.command("remove")(manifests_remove)
    return app


@asks_the_bus()
def manifests_list(asked: Asked) -> None:
    """List the manifests, of all collections if none is named, and what became of their slots.

    Exits with 0, or with 1 if there is no server or no discovery answers.
    """
    asked.do(commands.manifests.show_list)


@asks_the_bus()
def manifests_apply(
    asked: Asked,
    where: Annotated[
        str, typer.Argument(metavar="URL|FILE", help="A list of sources, as CSV or JSON.")
    ],
    *,
    every: Annotated[
        int | None,
        typer.Option("--every", min=1, max=168, help="Hours between applications; 8 at first."),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--name", help="What it is called; else its URL, or the name of the file."),
    ] = None,
) -> None:
    """Have a list of sources applied now and every few hours: what is new in it is fetched.

    Given again under its name, it takes the place of what it was. What is not listed any more is
    marked and not fetched; nothing is deleted for it. Exits with 0, 5 if it is being applied or
    that was too often, 1 if nobody answers.
    """
    _change(asked, "apply", {"where": where, "every_hours": every, "name": name})


@asks_the_bus(collection=False)
def manifests_show(asked: Asked, manifest: Manifest) -> None:
    """Show what became of each source that a manifest lists, or has listed.

    Exits with 0, 5 if there is none of this id, 1 if nobody answers.
    """
    asked.do(lambda options, settings: commands.manifests.show(options, settings, manifest))


@asks_the_bus(collection=False)
def manifests_pause(asked: Asked, manifest: Manifest) -> None:
    """Let the slots of a manifest pass without a run; they count as missed."""
    _change(asked, "change", {"manifest": manifest, "is_paused": True})


@asks_the_bus(collection=False)
def manifests_resume(
    asked: Asked,
    manifest: Manifest,
    *,
    every: Annotated[
        int | None, typer.Option("--every", min=1, max=168, help="With another period.")
    ] = None,
) -> None:
    """Let a manifest go on with the next slot of its grid, or on another grid from now."""
    fields = {"manifest": manifest, "is_paused": False, "every_hours": every}
    _change(asked, "change", fields)


@asks_the_bus(collection=False)
def manifests_run(asked: Asked, manifest: Manifest) -> None:
    """Apply it now, whatever the grid says; ten times a minute at most.

    Exits with 0, 5 if it is being applied or that was too often, 1 if nobody answers.
    """
    _change(asked, "run", {"manifest": manifest})


@asks_the_bus(collection=False)
def manifests_remove(asked: Asked, manifest: Manifest) -> None:
    """Remove a manifest; the sources that it lists stay on the map."""
    _change(asked, "remove", {"manifest": manifest})


def _change(asked: Asked, action: str, fields: dict[str, Any]) -> None:
    asked.do(
        lambda options, settings: commands.manifests.change(options, settings, action, fields)
    )
