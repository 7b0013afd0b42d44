"""Lists the models that are kept, and writes one as a file."""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from services.cli.adapters.model_files import FORMATS, write_file, written
from services.cli.commands.kept_models import (
    choose_model,
    find_models,
    read_models,
)
from services.cli.commands.tables import Row, facts, listed, percent, plain
from services.cli.settings import BusOptions, CliSettings
from shared.contracts.model_document import ModelDocument
from shared.errors import ConfigurationError
from shared.mistakes import tell

STDOUT = Path("-")
COLUMNS = ("version", "made", "records", "axes", "why", "")
NUMBERS = ("version", "records")
TOLD = {"collection", "version", "dimension", "record_count", "reason", "created_at"}
FIGURES = TOLD | {"explained_variance", "explained_variance_ratio"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """What was asked for on the command line."""

    file: Path
    form: str | None
    version: int | None
    may_replace: bool

    def format(self, *, is_json: bool) -> str:
        """Return the format to write.

        Raises:
            ConfigurationError: There is none of that name, or two things are to go to stdout.
        """
        if self.file == STDOUT and is_json:
            raise ConfigurationError("-o -: what --json tells goes there; leave one of them out")
        form = self.form if self.form is not None else self.file.suffix.removeprefix(".")
        if form not in FORMATS:
            raise ConfigurationError(
                f"{self.file}: in which format? Add --format {' or --format '.join(FORMATS)}"
            )
        return form


async def export(
    asked: Export, options: BusOptions, settings: CliSettings, dataset: Path | None
) -> None:
    """Write a model as a file.

    Raises:
        ConfigurationError: What was asked for cannot be, the model is none, or the file cannot
            be written.
        TransientError: The bus cannot be reached, or there is no such model.
    """
    form = asked.format(is_json=options.is_json)
    model = choose_model(await find_models(options, settings, dataset), asked.version)
    body = written(model, form)
    if asked.file == STDOUT:
        _to_stdout(body)
        return
    write_file(asked.file, body, may_replace=asked.may_replace)
    if options.is_json:
        where = {"format": form, "file": str(asked.file), "bytes": len(body)}
        sys.stdout.write(json.dumps(model.model_dump(mode="json", include=TOLD) | where) + "\n")
    else:
        Console(highlight=False).print(facts(_receipt(model, asked.file, form, len(body))))


async def show_list(options: BusOptions, settings: CliSettings, dataset: Path | None) -> None:
    """Print the models that are kept, oldest first; what is none is told on stderr.

    Raises:
        ConfigurationError: The folder holds none, or which collection is meant is not clear.
        TransientError: The bus cannot be reached.
    """
    kept = await find_models(options, settings, dataset)
    models, faults = read_models(kept.every)
    current = read_models([kept.current])[0] if kept.current else []
    for fault in faults:
        tell(fault)
    if options.is_json:
        items = [
            one.model_dump(mode="json", include=FIGURES) | {"is_current": one in current}
            for one in models
        ]
        sys.stdout.write(json.dumps({"items": items}) + "\n")
        return
    console = Console(highlight=False)
    rows = [(*_row(one), "current" if one in current else "") for one in models]
    for part in listed(COLUMNS, rows, width=console.width, numbers=NUMBERS):
        console.print(part)
    noun = "model" if len(rows) == 1 else "models"
    console.print(plain(f"{len(rows):,} {noun} {kept.where}"), soft_wrap=True)


def _to_stdout(body: bytes) -> None:
    """Write nothing but the file itself.

    Raises:
        ConfigurationError: It is not taken.
    """
    try:
        sys.stdout.buffer.write(body)
        sys.stdout.buffer.flush()
    except OSError as error:
        raise ConfigurationError(f"-o -: cannot be written: {error.strerror}") from error


def _row(model: ModelDocument) -> Sequence[str]:
    made = model.created_at.strftime("%Y-%m-%d %H:%M:%S")
    return str(model.version), made, f"{model.record_count:,}", _axes(model), model.reason


def _receipt(model: ModelDocument, file: Path, form: str, size: int) -> Iterator[Row]:
    yield "exported", f"model {model.version} of collection {model.collection} ({model.reason})"
    yield "records", f"{model.record_count:,}"
    yield "axes", f"{_axes(model)} of the variance"
    if model.explained_variance is None:
        yield "variance", "not kept when it was fitted; it is in the next: mapstream refit"
    yield "file", f"{file}: {form}, {size:,} bytes, for vectors of {model.dimension:,} numbers"


def _axes(model: ModelDocument) -> str:
    return " + ".join(percent(one) for one in model.explained_variance_ratio)
