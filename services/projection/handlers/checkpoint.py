"""Stores a step and takes it over."""

import asyncio

from services.projection.domain.state import CollectionState
from services.projection.ports import Checkpoint, ProjectionStore
from shared.failpoints import Failpoint, reached


async def save(checkpoint: Checkpoint, state: CollectionState, store: ProjectionStore) -> None:
    """Store a checkpoint and take it over: both or neither, even when cancelled in between.

    Raises:
        TransientError: It could not be stored; nothing has changed.
    """

    async def both() -> None:
        unsettled = await store.save(checkpoint)
        reached(Failpoint.CHECKPOINTED)
        state.pending, state.in_doubt = unsettled.pending, unsettled.in_doubt
        if checkpoint.recount is not None:
            state.moments = checkpoint.recount.counted
        state.revision, state.owes_refit = checkpoint.revision, checkpoint.owes_refit
        state.forgotten_version = checkpoint.forgotten_version
        if checkpoint.model:
            state.take_model(checkpoint.model)

    saving = asyncio.ensure_future(both())
    try:
        await asyncio.shield(saving)
    except asyncio.CancelledError:
        await asyncio.wait({saving})  # a commit on its way cannot be called back
        raise
