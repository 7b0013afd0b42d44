from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from services.writing.domain.micro_batch import (
    MicroBatchPlan,
    Piece,
    Verdict,
    plan_micro_batch,
)
from services.writing.domain.stored_state import HeldSource


def piece(batch_id: str = "a1", source: str = "a", version: int = 1, rows: int = 2) -> Piece:
    return Piece(batch_id, source, version, rows)


def plan(*pieces: Piece, **sources: HeldSource) -> MicroBatchPlan:
    return plan_micro_batch(pieces, sources)


class Shelf:
    """The simplest store: pieces in a list."""

    def __init__(self) -> None:
        self.pieces: list[Piece] = []
        self.emptied: dict[str, int] = {}

    def sources(self) -> dict[str, HeldSource]:
        held = {source: HeldSource(version) for source, version in self.emptied.items()}
        for one in self.pieces:
            source = held.setdefault(one.source_id, HeldSource(one.source_version))
            source.current = max(source.current, one.source_version)
            source.oldest = min(source.oldest or one.source_version, one.source_version)
            source.batches[one.batch_id] = one.source_version
        return held

    def deliver(self, pieces: Sequence[Piece], *, dies: bool = False) -> None:
        decided = plan_micro_batch(pieces, self.sources())
        self.emptied |= decided.emptied
        if dies:
            return
        self.pieces = [
            one
            for one in self.pieces
            if one.source_version >= decided.removals.get(one.source_id, 0)
        ]
        for one, verdict in zip(pieces, decided.verdicts, strict=True):
            if verdict is Verdict.APPEND and one.rows:
                self.pieces.append(one)


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Piece], list[tuple[list[Piece], bool]]]:
    """Draw contents of sources, and their deliveries: any order, repeated, some dying half-way."""
    contents = [
        # The fingerprint, not the version, makes the id: an old content may come back.
        Piece(f"{source}/{draw(st.integers(0, 2))}/{index}", source, version, rows)
        for source in ("a", "b")
        for version in range(1, draw(st.integers(1, 3)) + 1)
        for index in range(draw(st.integers(1, 3)))
        for rows in [draw(st.integers(0, 2))]
    ]
    contents = list({(one.batch_id, one.source_version): one for one in contents}.values())
    order = draw(st.lists(st.sampled_from(contents), max_size=12))
    order += draw(st.permutations(contents))
    groups: list[tuple[list[Piece], bool]] = []
    while order:
        size = draw(st.integers(1, 5))
        group, order = order[:size], order[size:]
        if draw(st.booleans()):
            groups.append((group, True))
        groups.append((group, False))
    return contents, groups


@given(histories())
def test_at_the_end_the_newest_version_of_each_source_is_stored_and_nothing_twice(
    history: tuple[list[Piece], list[tuple[list[Piece], bool]]],
) -> None:
    contents, groups = history
    shelf = Shelf()
    for group, dies in groups:
        shelf.deliver(group, dies=dies)
        per_source = {(one.source_id, one.source_version) for one in shelf.pieces}
        assert len(per_source) == len({source for source, _ in per_source})

    newest = {
        source: max(one.source_version for one in contents if one.source_id == source)
        for source in ("a", "b")
    }
    expected = [
        one for one in contents if one.source_version == newest[one.source_id] and one.rows
    ]
    assert sorted(map(str, shelf.pieces)) == sorted(map(str, expected))


@given(histories())
def test_a_batch_id_is_retracted_at_most_once_per_plan_and_never_if_it_stays(
    history: tuple[list[Piece], list[tuple[list[Piece], bool]]],
) -> None:
    _, groups = history
    shelf = Shelf()
    for group, _ in groups:
        decided = plan_micro_batch(group, shelf.sources())
        dropped = [group[position].batch_id for position in decided.retracted]
        removed = [
            one.batch_id
            for one in shelf.pieces
            if one.source_version < decided.removals.get(one.source_id, 0)
        ]
        shelf.deliver(group)
        staying = {one.batch_id for one in shelf.pieces}

        assert len(set(dropped + removed)) == len(dropped + removed)
        assert staying.isdisjoint(dropped)


def test_a_new_batch_is_appended_and_its_repetition_is_not() -> None:
    assert plan(piece(), piece()).verdicts == (Verdict.APPEND, Verdict.DUPLICATE)


def test_a_stored_batch_is_a_duplicate() -> None:
    assert plan(piece(), a=HeldSource(1, 1, {"a1": 1})).verdicts == (Verdict.DUPLICATE,)


def test_a_piece_of_an_older_version_is_never_written() -> None:
    decided = plan(piece("a1", version=1), piece("a2", version=2))

    assert decided.verdicts == (Verdict.SUPERSEDED, Verdict.APPEND)
    assert decided.retracted == (0,)


def test_a_newer_version_removes_the_stored_rows() -> None:
    decided = plan(piece("a2", version=2), a=HeldSource(1, 1, {"a1": 1}))

    assert decided.removals == {"a": 2}


def test_an_empty_newer_version_removes_the_stored_rows_and_is_remembered() -> None:
    decided = plan(piece("a2", version=2, rows=0), a=HeldSource(1, 1, {"a1": 1}))

    assert decided.removals == {"a": 2}
    assert decided.emptied == {"a": 2}


def test_removal_is_repeated_if_a_crash_came_before_it() -> None:
    decided = plan(piece("a2", version=2, rows=0), a=HeldSource(2, 1, {"a1": 1}))

    assert decided.removals == {"a": 2}


def test_a_source_with_rows_need_not_be_remembered() -> None:
    decided = plan(piece("a1", rows=0), piece("a2", rows=3))

    assert decided.emptied == {}


def test_an_old_content_that_came_back_is_stored_under_its_new_version() -> None:
    decided = plan(piece("a1", version=3), a=HeldSource(1, 1, {"a1": 1}))

    assert decided.verdicts == (Verdict.APPEND,)
    assert decided.removals == {"a": 3}
