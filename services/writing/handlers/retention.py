"""Deletes what of a collection is no longer to be kept."""

from services.writing.ports import DatasetStore, ModelArchive


async def forget_old(store: DatasetStore, models: ModelArchive) -> None:
    """Delete old versions of the dataset, and the models before the one that is held.

    Raises:
        TransientError: Store or archive could not be read or written.
    """
    await store.forget_versions()
    held = (await store.state()).model_version
    if held is not None:
        await models.forget_before(held)
