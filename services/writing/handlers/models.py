"""Keeps models, and moves the map to them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from services.writing.domain.displacement import Displacement
from services.writing.ports import DatasetStore, ModelArchive
from shared.contracts.dead_letters import DeadLetter
from shared.contracts.projection import ProjectionModel
from shared.errors import InvalidMessage, TransientError
from shared.failpoints import Failpoint, reached

STAGE = "writing"


class ForeignStateError(TransientError):
    """The models that come are not of the state that the map was made with.

    Nothing may be written before somebody has decided which of the two counts: ledger and moments
    begin anew, and by their count most of what the map holds is newer than what comes.
    """

    def __init__(self, version: int) -> None:
        super().__init__(
            f"model {version} is not the one of this map: the map is left from a state that is "
            "gone, as when volumes are removed and the folder of the map stays; bring the state "
            "back, or stop all services and run mapstream verify --repair"
        )


@dataclass(frozen=True, slots=True)
class ModelApplied:
    """A model that every stored row has its coordinates from now."""

    version: int
    displacement: Displacement


async def held_model(*, store: DatasetStore, models: ModelArchive) -> ProjectionModel | None:
    """Return the model of the stored coordinates; of an empty table, the newest known.

    Raises:
        TransientError: Store or archive could not be read.
    """
    version = (await store.state()).model_version
    return await (models.newest() if version is None else models.get(version))


async def _go_on() -> None:
    """Do nothing between two steps."""


async def accept_model(
    model: ProjectionModel, *, store: DatasetStore, models: ModelArchive
) -> bool:
    """Keep a model that came, for the map to be moved to it; tell whether it is new.

    Raises:
        InvalidMessage: The model is of another dimension than the stored vectors.
        ForeignStateError: It is of another state than the models that are kept.
        DiskFullError: There is no room for it.
        TransientError: Store or archive could not be read or written.
    """
    newest = await models.newest()
    if newest is not None and model.version <= newest.version:
        await _require_ours(model, newest, models)
        return False
    dimension = (await store.state()).dimension
    if dimension is not None and dimension != model.dimension:
        raise InvalidMessage(f"a model of dimension {model.dimension} for vectors of {dimension}")
    await models.save(model)
    return True


async def _require_ours(
    model: ProjectionModel, newest: ProjectionModel, models: ModelArchive
) -> None:
    """Compare a model with the one of its version; of long ago there is none any more."""
    try:
        kept = await models.get(model.version)
    except TransientError:
        is_ours = model.created_at <= newest.created_at
    else:
        is_ours = model.created_at == kept.created_at
    if not is_ours:
        raise ForeignStateError(model.version)


async def apply_newest(
    *,
    store: DatasetStore,
    models: ModelArchive,
    between: Callable[[], Awaitable[None]],
) -> ModelApplied | None:
    """Move the map to the newest model that was kept, if it is not there yet.

    Raises:
        DiskFullError: There is no room; the old model stays.
        TransientError: Store or archive could not be read or written; the old model stays.
    """
    newest = await models.newest()
    if newest is None:
        return None
    return await apply_model(newest, store=store, models=models, between=between)


async def apply_model(
    model: ProjectionModel,
    *,
    store: DatasetStore,
    models: ModelArchive,
    between: Callable[[], Awaitable[None]] = _go_on,
) -> ModelApplied | None:
    """Give every stored row the coordinates of a newer model, and hold that model.

    Args:
        model: The model.
        store: The dataset.
        models: The models.
        between: Awaited after each piece of work, so that batches can be written meanwhile; it
            must not apply a model itself.

    Returns:
        How far the points moved, or nothing if this model or a newer one is held already.

    Raises:
        InvalidMessage: The model is of another dimension than the stored vectors.
        DiskFullError: There is no room; the old model stays.
        TransientError: Store or archive could not be read or written; the old model stays.
    """
    held = await held_model(store=store, models=models)
    if held is not None and model.version <= held.version:
        return None
    reached(Failpoint.MODEL_KEPT)
    # Before it is saved: the dimension of an unusable model must not become the held one.
    work = await store.reproject(model.plane(), model.version)
    while await work.step():
        await between()
    await models.save(model)
    return ModelApplied(model.version, await work.finish())


def dead_model(model: ProjectionModel, reason: str) -> DeadLetter:
    """Keep a model that cannot be applied."""
    return DeadLetter(
        key=f"model:{model.version}",
        stage=STAGE,
        collection=model.collection,
        reason=reason,
        body=model.model_dump_json().encode(),
        records=0,
    )
