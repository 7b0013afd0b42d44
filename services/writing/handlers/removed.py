"""Tells what left the map."""

from collections.abc import Iterable, Mapping

from services.writing.domain.micro_batch import Verdict
from services.writing.handlers.settled import Decided
from shared.contracts.writing import MapRemoved, RemovedRows, WritingCommitted


def removed(
    decided: Iterable[Decided], removals: Mapping[str, int], told: WritingCommitted | None
) -> MapRemoved | None:
    """Say which sources have lost rows; nothing if none has.

    A crash may have come between a commit and its news: so what was removed before a batch that
    is stored already, or that has no rows, is told again.

    Args:
        decided: What came.
        removals: Source id to version: its rows of lower versions are gone since this commit.
        told: What is said of the commit; none if no batch was valid.
    """
    sources: dict[str, RemovedRows] = {}
    for one in decided:
        if (before := one.batch.descriptor.moved_from) is not None:
            sources[before.source_id] = RemovedRows(
                source_id=before.source_id,
                filename=before.filename,
                below_version=before.source_version,
            )
        facts = one.batch.descriptor
        is_stored = one.verdict is Verdict.DUPLICATE
        is_empty = one.verdict is Verdict.APPEND and not len(one.batch)
        version = facts.source_version
        if facts.source_id in removals:
            version = removals[facts.source_id]
        elif not (is_stored or is_empty) or version == 1:
            continue
        known = sources.get(facts.source_id)
        if known is None or known.below_version < version:
            sources[facts.source_id] = RemovedRows(
                source_id=facts.source_id, filename=facts.filename, below_version=version
            )
    if not sources or told is None:
        return None
    return MapRemoved(
        id=MapRemoved.id_of(told.id.removeprefix(WritingCommitted.id_of(""))),
        collection=told.collection,
        occurred_at=told.occurred_at,
        sources=tuple(sources.values()),
        dataset_version=told.dataset_version,
    )
