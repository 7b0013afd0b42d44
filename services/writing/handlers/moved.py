"""Gives the rows of a source the name that its file has now."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as part

from services.writing.domain.micro_batch import Piece, Verdict
from services.writing.domain.stored_state import HeldSource, StoreState
from services.writing.handlers.staged import Key, key_of, points_of
from services.writing.ports import DatasetStore
from shared.contracts.batches import Batch, BatchDescriptor
from shared.contracts.renaming import renamed


@dataclass(slots=True)
class Moved:
    """What was stored under another name, noted as it passes."""

    moves: Mapping[str, BatchDescriptor]
    """Source id before to what moves its rows."""
    rows: dict[str, int] = part(default_factory=dict)
    """Source id before to how many rows went over."""
    points: list[Batch] = part(default_factory=list)

    def renaming(self, store: DatasetStore, removals: Mapping[str, int]) -> Iterator[Batch]:
        """Read what leaves under the name before, and give it the name that it has now."""
        for source, to in self.moves.items():
            for batch in store.whole_batches({source: removals[source]}, to.collection):
                moved = renamed(batch, to)
                self.rows[source] = self.rows.get(source, 0) + len(moved)
                self.points.append(points_of(moved))
                yield moved


def emptied_pieces(batches: Sequence[Batch]) -> list[Piece]:
    """Say what a move means for the source under its name before: it is empty from then on."""
    moves = (one.descriptor.moved_from for one in batches)
    return [Piece(one.batch_id, one.source_id, one.source_version, 0) for one in moves if one]


def moves_of(
    batches: Sequence[Batch], verdicts: Sequence[Verdict], sources: Mapping[str, HeldSource]
) -> dict[str, BatchDescriptor]:
    """Return what gives rows another name, by the source that has them now.

    To a source that is newer by now, nothing is moved; nor is what came under the name before
    since it was moved: a late copy of a move is about what was there then.
    """
    found: dict[str, BatchDescriptor] = {}
    for one, verdict in zip(batches, verdicts, strict=False):
        before = one.descriptor.moved_from
        if before is None or verdict is not Verdict.APPEND or before.source_id not in sources:
            continue
        known = found.get(before.source_id)
        is_nearer = (
            known is None
            or known.moved_from is None
            or before.source_version < known.moved_from.source_version
        )
        if 0 < sources[before.source_id].oldest < before.source_version and is_nearer:
            found[before.source_id] = one.descriptor
    return found


async def rows_moved(
    moved: Moved, batches: Sequence[Batch], state: StoreState, store: DatasetStore
) -> dict[Key, int]:
    """Say how many rows each source has by its move, be that of an earlier delivery.

    Raises:
        TransientError: The store could not be read.
    """
    found: dict[Key, int] = {}
    for one in batches:
        facts = one.descriptor
        if facts.moved_from is None:
            continue
        before = facts.moved_from.source_id
        if moved.moves.get(before) == facts:
            found[key_of(one)] = moved.rows.get(before, 0)
            continue
        held = state.sources.get(facts.source_id)
        mine = {
            name: facts.source_id
            for name, version in (held.batches if held else {}).items()
            if version == facts.source_version
        }
        found[key_of(one)] = sum([len(rows.vectors) async for rows in store.rows_in(mine)])
    return found
