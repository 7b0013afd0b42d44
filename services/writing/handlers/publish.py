"""Replaces the public files when they are stale."""

from services.writing.domain.stored_state import StoreState
from services.writing.ports import DatasetStore, ModelArchive, OutputWriter, PublishedFiles
from shared.clock import Clock
from shared.contracts.projection import ProjectionModel
from shared.contracts.writing import WritingPublished


async def publish(
    collection: str,
    *,
    store: DatasetStore,
    models: ModelArchive,
    output: OutputWriter,
    clock: Clock,
    anew: bool = False,
) -> WritingPublished | None:
    """Replace the public files by the present dataset, if they say anything else.

    Args:
        collection: The map.
        store: Its dataset.
        models: Its models.
        output: Its files.
        clock: Dates the event.
        anew: Whether they are replaced although they say that they are fresh.

    Returns:
        The event, or nothing if the files were fresh and it was noted that they were told.

    Raises:
        DiskFullError: There is no room; the old files stay.
        TransientError: Store, archive or files could not be read or written.
    """
    started_s = clock.monotonic()
    files = await output.published()
    async with store.snapshot() as snapshot:
        model = await _model_of(snapshot.state, models)
        version = model.version if model else None
        if files is not None and not anew and _are_fresh(files, snapshot.state, version):
            if files == await output.told():
                return None
        else:
            files = await output.write(snapshot, collection=collection, model=model)
    return WritingPublished(
        id=WritingPublished.id_of(collection, files.dataset_version, files.model_version),
        collection=collection,
        occurred_at=clock.now(),
        dataset_version=files.dataset_version,
        model_version=files.model_version,
        records=files.records,
        seconds=clock.monotonic() - started_s,
    )


def _are_fresh(files: PublishedFiles, state: StoreState, model_version: int | None) -> bool:
    """Tell whether files say what the dataset does; compaction changes nothing of that."""
    is_present = state.content_version <= files.dataset_version <= state.dataset_version
    return is_present and files.model_version == model_version


async def _model_of(state: StoreState, models: ModelArchive) -> ProjectionModel | None:
    version = state.model_version
    return await (models.newest() if version is None else models.get(version))
