"""What is told of services, sources, collections and models."""

from collections.abc import Mapping, Sequence
from typing import Any

from services.gateway.handlers.answers import (
    CollectionInfo,
    FailedSource,
    FileInfo,
    GoneSource,
    Health,
    IncompleteSource,
    Ledger,
    ModelFacts,
    ModelPage,
    ModelSummary,
    Sources,
    StalledSource,
    Waiting,
    WholeModel,
)
from services.gateway.ports import MapReader, ModelHistory, StatusBoard
from shared.errors import BusAway

STAGES = ("discovery", "embedding", "projection", "writing")
SUMMARY = set(ModelFacts.model_fields)


async def health(board: StatusBoard) -> Health:
    """Tell whether the pipeline runs; a bus that is away is no fault of the gateway."""
    statuses = await board.statuses()
    if statuses is None:
        own = {"gateway": [{"waits": board.waits()}]}
        return Health(pipeline_running=False, bus="away", services={}, waits=_waits(own))
    services = {name: [dict(one) for one in some] for name, some in sorted(statuses.items())}
    running = {
        name
        for name, some in services.items()
        if any(one.get("state") == "running" for one in some)
    }
    return Health(
        pipeline_running=running.issuperset(STAGES),
        bus="connected",
        services=services,
        waits=_waits(services),
    )


def _waits(services: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Waiting]:
    """List what the instances of all services wait for; a standby beside its owner is well."""
    found: dict[tuple[str, str], Waiting] = {}
    for stage, instances in services.items():
        is_served = any(one.get("state") == "running" for one in instances)
        for one in instances:
            if is_served and one.get("state") == "standby":
                continue
            for told in one.get("waits") or ():
                found.setdefault((stage, told["what"]), Waiting(stage=stage, **told))
    return list(found.values())


async def sources(collection: str, *, board: StatusBoard) -> Sources | None:
    """Return a collection's ledger; nothing if no discovery tells of it.

    Raises:
        BusAway: The bus did not answer.
    """
    statuses = await board.statuses()
    if statuses is None:
        raise BusAway("the bus is away")
    for one in statuses.get("discovery", ()):
        figures = (one.get("collections") or {}).get(collection)
        if figures:
            return Sources(
                collection=collection,
                sources=figures.get("sources", {}),
                records=Ledger(**figures["records"]),
                failures=[FailedSource(**failed) for failed in figures.get("failures", ())],
                incomplete_sources=figures.get("incomplete_sources", 0),
                incomplete=[IncompleteSource(**one) for one in figures.get("incomplete", ())],
                gone_sources=figures.get("gone_sources", 0),
                gone=[GoneSource(**one) for one in figures.get("gone", ())],
                stalled_sources=figures.get("stalled_sources", 0),
                stalled=[StalledSource(**one) for one in figures.get("stalled", ())],
                has_looked=bool(figures.get("has_looked")),
            )
    return None


async def collections(names: Sequence[str], *, maps: MapReader) -> list[CollectionInfo]:
    """Tell what the public files of every collection hold.

    Raises:
        TransientError: They could not be read.
    """
    found = []
    for name in names:
        marks = await maps.marks(name)
        files = await maps.files(name)
        found.append(
            CollectionInfo(
                name=name,
                records=marks.records if marks else 0,
                model_version=marks.model_version if marks else None,
                dataset_version=marks.dataset_version if marks else None,
                files={
                    one.name: FileInfo(bytes=one.size_bytes, modified=one.modified)
                    for one in files
                },
            )
        )
    return found


async def list_models(
    collection: str, *, limit: int, offset: int, models: ModelHistory, maps: MapReader
) -> ModelPage:
    """Return a page of the models, newest first.

    Raises:
        TransientError: They could not be read.
    """
    versions = await models.versions(collection)
    marks = await maps.marks(collection)
    current = marks.model_version if marks else None
    items = []
    for version in versions[offset : offset + limit]:
        model = await models.get(collection, version)
        if model is not None:
            facts = model.model_dump(include=SUMMARY)
            items.append(ModelSummary(**facts, is_current=version == current))
    return ModelPage(
        collection=collection, total=len(versions), limit=limit, offset=offset, items=items
    )


async def get_model(collection: str, version: int, *, models: ModelHistory) -> WholeModel | None:
    """Return a whole model; nothing if there is none of this version.

    Raises:
        TransientError: It could not be read.
    """
    model = await models.get(collection, version)
    return None if model is None else WholeModel(**model.model_dump())
