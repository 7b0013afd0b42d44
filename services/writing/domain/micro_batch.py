"""What to do with a micro-batch, whatever was delivered before and in whatever order.

After every commit all stored rows of a source are of one version, and at the end, for every order
and repetition of deliveries, they are the records of the newest one. A version that replaces rows
is shown at once: its pieces wait in the staging until the piece comes that shows them, and the
rows of the version before stay until then. A piece that is a whole version by itself, or that does
not say that such a piece follows, replaces the others as soon as it is here.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import Enum, auto
from types import MappingProxyType

from services.writing.domain.stored_state import HeldSource, StagedSource

NOTHING: Mapping[str, StagedSource] = MappingProxyType({})


class Verdict(Enum):
    """What becomes of one delivered piece."""

    APPEND = auto()
    """It is new."""
    STAGE = auto()
    """It waits for the rest of its version, while another one is shown."""
    DUPLICATE = auto()
    """It is stored, or comes twice in the micro-batch."""
    SUPERSEDED = auto()
    """A newer version of its source is known."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What the rules need to know of a delivered batch."""

    batch_id: str
    source_id: str
    source_version: int
    rows: int
    can_wait: bool = False
    """Whether it is a part of a version, and one follows that shows all of them."""


@dataclass(frozen=True, slots=True)
class MicroBatchPlan:
    """One verdict per piece, and what goes along with them."""

    verdicts: tuple[Verdict, ...]
    retracted: tuple[int, ...]
    """Positions of the pieces whose vectors leave the map; each batch id at most once, and none
    that stays on the map or is removed from the store."""
    removals: Mapping[str, int]
    """Source id to version: its stored rows of lower versions are to be removed."""
    emptied: Mapping[str, int]
    """Source id to version: this new version leaves no row that would tell of it."""
    shown: Mapping[str, int]
    """Source id to version: what is staged of it is to be stored."""
    discarded: Mapping[str, int]
    """Source id to version: what is staged of lower versions leaves the staging unseen."""
    has_stragglers: bool
    """Whether vectors are retracted of a source whose newest version has no rows: most likely it
    was forgotten, and these have come after that."""


def plan_micro_batch(
    pieces: Sequence[Piece],
    sources: Mapping[str, HeldSource],
    staged: Mapping[str, StagedSource] = NOTHING,
) -> MicroBatchPlan:
    """Decide what becomes of every piece.

    Args:
        pieces: The delivered pieces, in any order, with any repetition.
        sources: What the store holds.
        staged: What waits.

    Returns:
        The plan; to carry it out twice changes nothing.
    """
    newest = _newest(pieces, sources, staged)
    seen = _seen(pieces, sources, newest)
    shown = {
        source: version
        for source, version in seen.items()
        if source in staged and staged[source].version == version
    }
    verdicts = _verdicts(pieces, sources, newest, seen, {key: staged[key] for key in shown})
    retracted = _retracted(pieces, sources, staged, verdicts)
    late = {pieces[position].source_id for position in retracted}
    return MicroBatchPlan(
        verdicts=verdicts,
        retracted=retracted,
        removals={
            source: version
            for source, version in seen.items()
            if source in sources and 0 < sources[source].oldest < version
        },
        emptied={
            source: version
            for source, version in _emptied(pieces, sources, verdicts).items()
            if not (source in shown and staged[source].batches)
        },
        shown=shown,
        discarded={
            source: version
            for source, version in newest.items()
            if source in staged and staged[source].version < version
        },
        has_stragglers=any(
            source not in staged and not _has_rows(source, newest[source], pieces, sources)
            for source in late
        ),
    )


def _newest(
    pieces: Sequence[Piece],
    sources: Mapping[str, HeldSource],
    staged: Mapping[str, StagedSource],
) -> dict[str, int]:
    newest: dict[str, int] = {}
    for piece in pieces:
        source = piece.source_id
        if source not in newest:
            held = sources[source].current if source in sources else 0
            newest[source] = max(held, staged[source].version if source in staged else 0)
        newest[source] = max(newest[source], piece.source_version)
    return newest


def _seen(
    pieces: Sequence[Piece], sources: Mapping[str, HeldSource], newest: Mapping[str, int]
) -> dict[str, int]:
    """Tell which version of each source is to be seen after this."""
    seen = {source: sources[source].current for source in newest if source in sources}
    for piece in pieces:
        source, version = piece.source_id, piece.source_version
        has_rows = source in sources and sources[source].oldest > 0
        if version == newest[source] and not (piece.can_wait and has_rows):
            seen[source] = version
    return seen


def _verdicts(
    pieces: Sequence[Piece],
    sources: Mapping[str, HeldSource],
    newest: Mapping[str, int],
    seen: Mapping[str, int],
    shown: Mapping[str, StagedSource],
) -> tuple[Verdict, ...]:
    # A source that gets an old content back has the old batch ids under a new version: so a
    # batch is known by both.
    before: set[tuple[str, int]] = set()
    verdicts = []
    for piece in pieces:
        source, version = piece.source_id, piece.source_version
        key = (piece.batch_id, version)
        held = sources.get(source)
        is_held = held is not None and held.batches.get(piece.batch_id) == version
        is_known = is_held or (source in shown and piece.batch_id in shown[source].batches)
        if version < newest[source] and not (is_held and seen[source] == version):
            verdicts.append(Verdict.SUPERSEDED)
        elif is_known:
            verdicts.append(Verdict.DUPLICATE)
        elif seen.get(source, 0) < version:
            # A second copy waits, too: else it would be told to be stored.
            verdicts.append(Verdict.STAGE)
        else:
            verdicts.append(Verdict.DUPLICATE if key in before else Verdict.APPEND)
        before.add(key)
    return tuple(verdicts)


def _retracted(
    pieces: Sequence[Piece],
    sources: Mapping[str, HeldSource],
    staged: Mapping[str, StagedSource],
    verdicts: Sequence[Verdict],
) -> tuple[int, ...]:
    done = {
        piece.batch_id
        for piece, verdict in zip(pieces, verdicts, strict=True)
        if verdict is not Verdict.SUPERSEDED
    }
    late = [
        (position, piece)
        for position, (piece, verdict) in enumerate(zip(pieces, verdicts, strict=True))
        if verdict is Verdict.SUPERSEDED and piece.rows
    ]
    # What is staged of a source is taken out with the rest of its version.
    waits = {
        name
        for _, piece in late
        if piece.source_id in staged
        for name in staged[piece.source_id].batches
    }
    done |= waits | _stored({piece.batch_id for _, piece in late}, sources)
    positions = []
    for position, piece in late:
        if piece.batch_id not in done:
            done.add(piece.batch_id)
            positions.append(position)
    return tuple(positions)


def _stored(batch_ids: AbstractSet[str], sources: Mapping[str, HeldSource]) -> set[str]:
    """Return those that are stored, be it under the name that their source was moved to.

    Rows keep the batch that they came with, so a late copy under the old name must not take out
    what it counted for. It costs a look at every source, when something came too late at all.
    """
    if not batch_ids:
        return set()
    return {name for held in sources.values() for name in batch_ids & held.batches.keys()}


def _has_rows(
    source: str, version: int, pieces: Sequence[Piece], sources: Mapping[str, HeldSource]
) -> bool:
    is_stored = source in sources and version in sources[source].batches.values()
    return is_stored or any(
        piece.rows and (piece.source_id, piece.source_version) == (source, version)
        for piece in pieces
    )


def _emptied(
    pieces: Sequence[Piece], sources: Mapping[str, HeldSource], verdicts: Sequence[Verdict]
) -> dict[str, int]:
    appended = [
        piece for piece, verdict in zip(pieces, verdicts, strict=True) if verdict is Verdict.APPEND
    ]
    with_rows = {piece.source_id for piece in appended if piece.rows}
    return {
        piece.source_id: piece.source_version
        for piece in appended
        if piece.source_id not in with_rows
        and (
            piece.source_id not in sources
            or sources[piece.source_id].current < piece.source_version
        )
    }
