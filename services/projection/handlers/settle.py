"""Makes the moments those of what is stored, as writing tells it."""

from collections.abc import Mapping, Sequence
from functools import partial

import anyio.to_thread

from services.projection.domain.counted import Recount, recount
from services.projection.domain.pending import Fate, Floor, Resolution, Told, floors_of, resolve
from services.projection.domain.state import CollectionState
from services.projection.handlers.checkpoint import save
from services.projection.ports import Checkpoint, ProjectionStore
from shared.contracts.writing import SettledAs, SettledBatch
from shared.errors import InvalidMessage
from shared.failpoints import Failpoint, reached

FATES: Mapping[SettledAs, Fate] = {
    "stored": Fate.STORED,
    "staged": Fate.STAGED,
    "superseded": Fate.SUPERSEDED,
    "refused": Fate.REFUSED,
}


def told_of(batch: SettledBatch) -> Told:
    """Read what was told of a batch."""
    return Told(
        batch_id=batch.batch_id,
        source_id=batch.source_id,
        source_version=batch.source_version,
        fate=FATES[batch.verdict],
        records=batch.records,
        checksum=batch.checksum,
    )


async def settle(
    told: Sequence[Told], *, state: CollectionState, store: ProjectionStore
) -> Sequence[str]:
    """Let go what is stored as it was counted; take out what is not, and in what is instead.

    Returns:
        The batches that are stored with vectors that never came here.

    Raises:
        InvalidMessage: Vectors that were kept for this are gone.
        TransientError: The checkpoint could not be stored; nothing has changed.
    """
    async with state.changing:
        ids = [one.batch_id for one in told]
        wanted = floors_of(told)
        known = await store.known(state.collection, ids)
        candidates = await store.candidates(state.collection, ids, wanted)
        found = resolve(told, known, candidates)
        sources = {one.source_id for one in candidates} | wanted.keys()
        held = await store.floors(state.collection, sources)
        raised = {
            source: floor
            for source, one in wanted.items()
            if (floor := one.raised(held.get(source, one))) != held.get(source)
        }
        if not (found.closed or found.doubts or raised):
            return ()
        moved = await _moved(found, state, store)
        is_forgotten = _is_forgotten(found, {**held, **raised})
        version = state.model.version if state.model and is_forgotten else 0
        into = [one for one in found.taken_in if one.batch_id not in known]
        checkpoint = Checkpoint(
            collection=state.collection,
            recount=moved,
            revision=state.revision + (moved is not None),
            applied={one.batch_id: one.records for one in into},
            retracted=found.is_gone,
            disowned=found.is_open,
            closed=found.closed,
            floors=raised,
            doubts=found.doubts,
            owes_refit=state.owes_refit or is_forgotten,
            forgotten_version=max(state.forgotten_version, version),
            held=state.held,
        )
        await save(checkpoint, state, store)
        reached(Failpoint.RESOLVED)
        return [one.batch_id for one in found.doubts]


def _is_forgotten(found: Resolution, floors: Mapping[str, Floor]) -> bool:
    """Tell whether the model may have seen what its source was to be forgotten with."""
    return any(
        floor.is_forgotten and one.source_version < floor.version
        for one in found.taken_out
        if (floor := floors.get(one.source_id))
    )


async def _moved(
    found: Resolution, state: CollectionState, store: ProjectionStore
) -> Recount | None:
    """Return what is counted after what was told; none if it stays as it is."""
    moved = [*found.taken_out, *found.taken_in]
    if not moved or state.moments is None:
        return None
    vectors = await store.vectors(state.collection, moved)
    lost = [one.batch_id for one in moved if one not in vectors]
    if lost:
        raise InvalidMessage(f"the vectors of {', '.join(lost)} that were kept are gone")
    out = {one.batch_id: vectors[one] for one in found.taken_out}
    into = {one.batch_id: vectors[one] for one in found.taken_in}
    return await anyio.to_thread.run_sync(partial(recount, state.moments, into=into, out=out))
