"""What is told of services, sources, collections and models."""

from collections.abc import Sequence
from dataclasses import asdict

from services.gateway.handlers.answers import (
    CollectionInfo,
    FileInfo,
    Health,
    Queues,
    Sources,
    StageQueue,
)
from services.gateway.handlers.model_answers import ModelFacts, ModelPage, ModelSummary, WholeModel
from services.gateway.ports import MapReader, ModelHistory, StatusBoard
from services.gateway.ports.queues import Board
from shared.contracts.status_reading import is_running, statuses_of, waiting, waits_of
from shared.contracts.statuses import DiscoveryStatus
from shared.errors import BusAway, MapstreamError
from shared.services import STAGES

SUMMARY = set(ModelFacts.model_fields)


class RestingError(MapstreamError):
    """A collection rests; says where its sources are told of."""


async def health(board: StatusBoard) -> Health:
    """Tell whether the pipeline runs; a bus that is away is no fault of the gateway."""
    statuses = await board.statuses()
    if statuses is None:
        own = [waiting("gateway", one) for one in board.waits()]
        return Health(pipeline_running=False, bus="away", services={}, waits=own)
    return Health(
        pipeline_running=all(is_running(statuses.get(name, ())) for name in STAGES),
        bus="connected",
        services={name: [*some] for name, some in sorted(statuses.items())},
        waits=waits_of(statuses),
    )


async def sources(collection: str, *, board: StatusBoard) -> Sources | None:
    """Return a collection's ledger; nothing if no discovery runs.

    Raises:
        BusAway: The bus did not answer.
        RestingError: Discovery tells nothing of it while nothing of it changes.
    """
    statuses = await board.statuses()
    if statuses is None:
        raise BusAway("the bus is away")
    discoveries = [*statuses_of(statuses, DiscoveryStatus)]
    for one in discoveries:
        if told := one.collections.get(collection):
            return Sources(collection=collection, **dict(told))
    if is_running(discoveries):
        raise RestingError(
            f"collection '{collection}' rests, or was just made: nothing of it is counted until "
            f"something changes; GET /api/collections/{collection}/sources lists its sources"
        )
    return None


async def queues(collection: str, *, board: Board) -> Queues:
    """Tell what waits for each stage.

    Raises:
        BusAway: The bus did not answer.
    """
    found = await board.queues(collection)
    return Queues(collection=collection, items=[StageQueue(**asdict(one)) for one in found])


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
