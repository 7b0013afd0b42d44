"""Finds the models that a bus or a folder keeps, and reads them."""

from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from services.cli.adapters.dataset_models import read_dataset
from services.cli.commands.connection import connected
from services.cli.commands.watcher import Watcher
from services.cli.domain.models import KeptModels, Told
from services.cli.settings import BusOptions, CliSettings
from shared.bus.reading.stream_reader import StreamReader
from shared.bus.registry.projection import PROJECTION_UPDATED
from shared.contracts.model_document import ModelDocument
from shared.contracts.projection import ProjectionModel, ProjectionUpdated
from shared.errors import ConfigurationError, MapstreamError, TransientError
from shared.mistakes import describe

ALL = 1_000_000
WITHOUT_BUS = "--from-dataset FOLDER reads that of a collection's files, and needs no bus"
REMEDY = "choose another with --version (see: mapstream model list), or make one: mapstream refit"


async def find_models(
    options: BusOptions, settings: CliSettings, dataset: Path | None
) -> KeptModels:
    """Return the models of a folder if one was named, else those of the bus.

    Raises:
        ConfigurationError: The folder holds none, or which collection is meant is not clear.
        TransientError: The bus cannot be reached.
    """
    if dataset is None:
        try:
            return await _on_the_bus(options, settings)
        except TransientError as error:
            raise TransientError(f"{error}; {WITHOUT_BUS}") from error
    if options.url or options.output or options.collection:
        raise ConfigurationError(
            "--from-dataset: names the collection's folder, so leave out --url, --output and "
            "--collection"
        )
    return read_dataset(dataset)


async def _on_the_bus(options: BusOptions, settings: CliSettings) -> KeptModels:
    async with connected(options, settings.nats) as client:
        collection = (
            await Watcher.of(client, options.collection, settings.collections)
        ).collection
        subject = PROJECTION_UPDATED.subject(collection)
        events = StreamReader(client, PROJECTION_UPDATED.stream, (subject,))
        stored, _ = await events.some(0, ALL)
    every = [Told(f"{subject}, message {one.sequence}", one.data, collection) for one in stored]
    where = f"of collection {collection} on the bus"
    return KeptModels(where, every[-1] if every else None, every, WITHOUT_BUS)


def choose_model(models: KeptModels, version: int | None) -> ModelDocument:
    """Return a model: the newest of a version, or the current one.

    Raises:
        ConfigurationError: What is kept there is no model.
        TransientError: There is none.
    """
    if version is None:
        if models.current is None:
            raise TransientError(
                f"there is no model {models.where}: none was made yet, or it is kept no longer; "
                f"{models.elsewhere}"
            )
        return read_model(models.current)
    found, faults = read_models(models.every)
    for model in reversed(found):
        if model.version == version:
            return model
    there = ", ".join(str(one.version) for one in found) or "none"
    damaged = f"; {len(faults)} cannot be read" if faults else ""
    raise TransientError(
        f"there is no version {version} {models.where}, or it is kept no longer; kept: "
        f"{there}{damaged}"
    )


def read_models(every: Sequence[Told]) -> tuple[list[ModelDocument], list[MapstreamError]]:
    """Read models in the order of their making, each once; what is none is told beside them."""
    found: list[ModelDocument] = []
    faults: list[MapstreamError] = []
    for told in every:
        try:
            model = read_model(told)
        except ConfigurationError as error:
            faults.append(error)
            continue
        if model not in found:
            found.append(model)
    return sorted(found, key=lambda one: one.created_at), faults


def read_model(told: Told) -> ModelDocument:
    """Read a model.

    Raises:
        ConfigurationError: It is none, or that of another collection.
    """
    contract = ProjectionUpdated if told.collection else ProjectionModel
    try:
        message = contract.model_validate_json(told.body)
        model = message.model if isinstance(message, ProjectionUpdated) else message
        document = ModelDocument.of(model)
    except ValidationError as error:
        wrong = describe(error, contract, told.place)
        raise ConfigurationError(f"{wrong}\nthis is no model: {REMEDY}") from error
    if told.collection not in (None, document.collection):
        raise ConfigurationError(
            f"{told.place}: model.collection: is {document.collection}: {REMEDY}"
        )
    return document
