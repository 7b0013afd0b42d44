"""What to do with a micro-batch, whatever was delivered before and in whatever order.

The newest version of a source replaces the others as soon as one piece of it is here. So after
every commit all stored rows of a source are of one version, and at the end, for every order and
repetition of deliveries, they are the records of the newest one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from services.writing.domain.stored_state import HeldSource


class Verdict(Enum):
    """What becomes of one delivered piece."""

    APPEND = auto()
    """It is new."""
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
    has_stragglers: bool
    """Whether vectors are retracted of a source whose newest version has no rows: most likely it
    was forgotten, and these have come after that."""


def plan_micro_batch(pieces: Sequence[Piece], sources: Mapping[str, HeldSource]) -> MicroBatchPlan:
    """Decide what becomes of every piece.

    Args:
        pieces: The delivered pieces, in any order, with any repetition.
        sources: What the store holds.

    Returns:
        The plan; to carry it out twice changes nothing.
    """
    newest = _newest(pieces, sources)
    verdicts = _verdicts(pieces, sources, newest)
    retracted = _retracted(pieces, sources, verdicts)
    late = {pieces[position].source_id for position in retracted}
    return MicroBatchPlan(
        verdicts=verdicts,
        retracted=retracted,
        removals={
            source: version
            for source, version in newest.items()
            if source in sources and 0 < sources[source].oldest < version
        },
        emptied=_emptied(pieces, sources, verdicts),
        has_stragglers=any(
            not _has_rows(source, newest[source], pieces, sources) for source in late
        ),
    )


def _newest(pieces: Sequence[Piece], sources: Mapping[str, HeldSource]) -> dict[str, int]:
    newest: dict[str, int] = {}
    for piece in pieces:
        held = sources.get(piece.source_id)
        known = newest.get(piece.source_id, held.current if held else 0)
        newest[piece.source_id] = max(known, piece.source_version)
    return newest


def _verdicts(
    pieces: Sequence[Piece], sources: Mapping[str, HeldSource], newest: Mapping[str, int]
) -> tuple[Verdict, ...]:
    # A source that gets an old content back has the old batch ids under a new version: so a
    # batch is known by both.
    seen: set[tuple[str, int]] = set()
    verdicts = []
    for piece in pieces:
        key = (piece.batch_id, piece.source_version)
        held = sources.get(piece.source_id)
        if piece.source_version < newest[piece.source_id]:
            verdicts.append(Verdict.SUPERSEDED)
        elif key in seen or (held and held.batches.get(piece.batch_id) == piece.source_version):
            verdicts.append(Verdict.DUPLICATE)
        else:
            verdicts.append(Verdict.APPEND)
        seen.add(key)
    return tuple(verdicts)


def _retracted(
    pieces: Sequence[Piece], sources: Mapping[str, HeldSource], verdicts: Sequence[Verdict]
) -> tuple[int, ...]:
    done = {
        piece.batch_id
        for piece, verdict in zip(pieces, verdicts, strict=True)
        if verdict is not Verdict.SUPERSEDED
    }
    positions = []
    for position, (piece, verdict) in enumerate(zip(pieces, verdicts, strict=True)):
        held = sources.get(piece.source_id)
        is_stored = held is not None and piece.batch_id in held.batches
        if verdict is not Verdict.SUPERSEDED or not piece.rows or is_stored:
            continue
        if piece.batch_id not in done:
            done.add(piece.batch_id)
            positions.append(position)
    return tuple(positions)


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
