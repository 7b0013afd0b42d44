"""``mapstream model``: the options of its commands."""

from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Annotated

import typer

from services.cli.commands.options.asked import Asked, asks_the_bus
from services.cli.settings import BusOptions, CliSettings

HELP = """The models of the projection: which there are, and one as a file for other programs.

They come from the bus, or with --from-dataset from the folder of a collection, where nothing
needs to run.
"""
EXPORT = """Write a model as a fitted scikit-learn PCA (skops), or as JSON.

Its transform() gives the coordinates of the map. Loading either runs no code of the file.

\b
  mapstream model export -o model.skops
  python
  >>> import skops.io
  >>> pca = skops.io.load("model.skops")
  >>> x, y = pca.transform([vector])[0]    # of a new text, by the same embedding model

Exits with 0 if it was written, 1 if there is no server or no such model, 2 if the file is there
already or cannot be written, or what is kept is no model.
"""
FromDataset = Annotated[
    Path | None,
    typer.Option(
        "--from-dataset",
        help="The folder of a collection, with logs.parquet in it; nothing is asked of a bus.",
    ),
]


def build_model_app() -> typer.Typer:
    """Put the commands together."""
    app = typer.Typer(help=HELP)
    app.command("list")(model_list)
    app.command("export", help=EXPORT)(model_export)
    return app


@asks_the_bus()
def model_list(
    asked: Asked,
    *,
    from_dataset: FromDataset = None,
) -> None:
    """List the models that are kept, oldest first: version, when, of how many records, why."""
    asked.do(lambda options, settings: _models().show_list(options, settings, from_dataset))


@asks_the_bus()
def model_export(
    asked: Asked,
    *,
    file: Annotated[
        Path, typer.Option("-o", "--file", help="The file to write; - for standard output.")
    ],
    form: Annotated[
        str | None,
        typer.Option("--format", help="skops or json; else by the end of the file's name."),
    ] = None,
    version: Annotated[
        int | None, typer.Option("--version", min=1, help="One that is kept; else the current.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    from_dataset: FromDataset = None,
) -> None:
    """Write a model as a file; see ``EXPORT``."""

    async def work(options: BusOptions, settings: CliSettings) -> None:
        models = _models()
        wanted = models.Export(file=file, form=form, version=version, may_replace=force)
        await models.export(wanted, options, settings, from_dataset)

    asked.do(work)


def _models() -> ModuleType:
    """Load what does the work: help must answer at once."""
    return import_module("services.cli.commands.model")
