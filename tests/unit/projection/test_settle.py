"""The moments are those of what is stored, as soon as that is told."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.projection.domain.pending import Fate
from services.projection.handlers.projector import Projector
from shared.contracts.batches import Batch
from shared.contracts.writing import SettledBatch
from shared.errors import InvalidMessage, TransientError
from shared.vector_checksum import vector_checksum
from tests.unit.projection import stage as staged
from tests.unit.projection.stage import Stage, assert_counted, cloud, vectors

News = tuple[Batch, Fate, Batch | None]


@dataclass
class Writer:
    """Stores the newest version of each source, and of each batch what came first."""

    stored: dict[str, Batch] = field(default_factory=dict)
    newest: dict[str, int] = field(default_factory=dict)

    def take(self, batch: Batch, news: list[News]) -> list[Batch]:
        """Return what leaves."""
        facts = batch.descriptor
        if facts.source_version < self.newest.get(facts.source_id, 0):
            news.append((batch, Fate.SUPERSEDED, None))
            return [batch]
        self.newest[facts.source_id] = facts.source_version
        gone = [
            one
            for one in self.stored.values()
            if one.descriptor.source_id == facts.source_id
            and one.descriptor.source_version < facts.source_version
        ]
        for one in gone:
            del self.stored[one.descriptor.batch_id]
        held = self.stored.setdefault(facts.batch_id, batch)
        news.append((batch, Fate.STORED, held))
        return gone


@pytest.fixture
def stage() -> Stage:
    return Stage()


def piece(seed: int, count: int = 3, *, number: int | None = None, **changes: Any) -> Batch:
    """A batch that is a source of its own."""
    name = seed if number is None else number
    facts: dict[str, Any] = {"source_id": f"source-{name}"}
    return staged.piece(seed, count, number=number, **facts | changes)


def of(source: str, version: int, number: int, *, vectors_of: int | None = None) -> Batch:
    """The batch of a number, perhaps with the vectors of another one."""
    seed = number if vectors_of is None else vectors_of
    facts: dict[str, Any] = {"source_id": source, "source_version": version}
    return piece(seed, number=number, **facts)


def empty(source: str, version: int, number: int) -> Batch:
    facts: dict[str, Any] = {"source_id": source, "source_version": version}
    return cloud(number, np.zeros((0, 4)), is_forgotten=True, **facts)


async def test_what_is_stored_as_it_was_counted_waits_no_longer(stage: Stage) -> None:
    await stage.project(piece(0), piece(1))
    assert stage.state.pending == 2
    before = stage.state.moments, stage.state.revision

    assert await stage.settle(piece(0)) == []

    assert stage.state.pending == 1
    assert (stage.state.moments, stage.state.revision) == before
    assert stage.store.saved[-1].recount is None, "nothing of d squares is to be written"


@pytest.mark.parametrize("fate", [Fate.SUPERSEDED, Fate.REFUSED])
async def test_what_is_not_stored_leaves_the_moments(stage: Stage, fate: Fate) -> None:
    await stage.project(piece(0), piece(1))

    await stage.settle(piece(1), fate=fate)

    assert_counted(stage.state, [piece(0)])
    assert (stage.state.pending, stage.state.in_doubt, stage.state.is_stale) == (1, 0, True)
    await stage.restart()
    assert_counted(stage.state, [piece(0)])


async def test_what_is_staged_waits_until_its_version_is_shown(stage: Stage) -> None:
    shown, staged, newer = of("a", 1, 1), of("a", 2, 2), of("a", 3, 3)
    await stage.project(shown, staged, newer)
    await stage.settle(staged, newer, fate=Fate.STAGED)
    assert stage.state.pending == 3

    await stage.settle(staged, fate=Fate.SUPERSEDED)

    assert stage.state.pending == 2, "the first version is still shown, and may be told of"
    await stage.settle(shown)
    await stage.retract(shown)
    await stage.settle(newer)
    assert_counted(stage.state, [newer])
    assert stage.state.pending == 0


async def test_what_was_refused_counts_when_it_is_sent_again_and_what_is_superseded_never(
    stage: Stage,
) -> None:
    await stage.project(piece(0), piece(1), piece(2))
    await stage.settle(piece(1), fate=Fate.REFUSED)
    await stage.settle(piece(2), fate=Fate.SUPERSEDED)

    await stage.project(piece(1), piece(2))

    assert_counted(stage.state, [piece(0), piece(1)])


async def test_of_two_copies_with_other_vectors_the_stored_one_counts(stage: Stage) -> None:
    second = piece(7, number=1)
    await stage.project(piece(0), piece(1))
    await stage.project(second)
    assert_counted(stage.state, [piece(0), piece(1)])
    assert stage.state.pending == 2

    await stage.settle(second)

    assert_counted(stage.state, [piece(0), second])
    assert stage.state.pending == 1
    await stage.project(piece(1), second)
    assert_counted(stage.state, [piece(0), second])


async def test_two_copies_may_come_together(stage: Stage) -> None:
    second = piece(7, number=1)
    await stage.project(piece(0), piece(1), second, piece(1))

    await stage.settle(second)

    assert_counted(stage.state, [piece(0), second])


async def test_what_is_stored_and_never_came_is_in_doubt_until_it_comes(stage: Stage) -> None:
    stored = piece(7, number=1)
    await stage.project(piece(0), piece(1))

    assert await stage.settle(piece(0), piece(1), stored=stored) == ["batch-0", "batch-1"]

    assert stage.state.records == 0
    assert stage.state.in_doubt == 2
    await stage.restart()
    assert stage.state.in_doubt == 2
    await stage.project(stored, piece(0))
    assert_counted(stage.state, [stored])
    assert (stage.state.in_doubt, stage.state.pending) == (1, 1)


async def test_a_batch_of_which_nothing_is_known_is_in_doubt(stage: Stage) -> None:
    await stage.project(piece(0))

    await stage.settle(piece(5))

    assert stage.state.in_doubt == 1
    await stage.retract(piece(5))
    assert stage.state.in_doubt == 0
    assert_counted(stage.state, [piece(0)])


async def test_what_was_told_before_or_counted_by_an_older_program_stays(stage: Stage) -> None:
    await stage.project(piece(0))
    await stage.settle(piece(0))

    await stage.settle(piece(0), stored=piece(9))
    await stage.project(piece(9, number=0))

    assert_counted(stage.state, [piece(0)])
    assert (stage.state.in_doubt, stage.state.pending) == (0, 0)


async def test_a_retraction_takes_out_what_was_counted_whatever_was_stored(stage: Stage) -> None:
    await stage.project(piece(0), piece(1))
    await stage.project(piece(7, number=1))

    await stage.retract(piece(7, number=1))

    assert_counted(stage.state, [piece(0)])
    assert stage.state.pending == 1
    await stage.settle(piece(7, number=1))
    await stage.project(piece(1))
    assert_counted(stage.state, [piece(0)])
    assert stage.state.in_doubt == 0


@pytest.mark.parametrize("is_settled_first", [True, False])
async def test_retraction_and_news_of_a_superseded_batch_come_in_any_order(
    stage: Stage, *, is_settled_first: bool
) -> None:
    await stage.project(piece(0), piece(1))

    if is_settled_first:
        await stage.settle(piece(1), fate=Fate.SUPERSEDED)
    await stage.retract(piece(1))
    if not is_settled_first:
        await stage.settle(piece(1), fate=Fate.SUPERSEDED)

    assert_counted(stage.state, [piece(0)])


async def test_what_was_lost_before_it_was_stored_leaves_when_a_newer_version_is(
    stage: Stage,
) -> None:
    lost, new = of("a", 1, 1), of("a", 2, 2)
    await stage.project(piece(0), lost)
    await stage.project(new)
    assert_counted(stage.state, [piece(0), lost, new])

    await stage.settle(new)

    assert_counted(stage.state, [piece(0), new])
    assert stage.state.pending == 1


async def test_what_comes_below_the_floor_does_not_count_and_fits_nothing(stage: Stage) -> None:
    await stage.project(piece(0, count=4, source_id="other"))
    await stage.project(empty("a", 2, 9))
    await stage.restart()

    result = await stage.project(of("a", 1, 1), of("a", 1, 2), of("a", 1, 3))

    assert result.model is None
    assert [len(one) for one in result.batches] == [3, 3, 3], "writing is to answer"
    assert_counted(stage.state, [piece(0, count=4)])


async def test_a_model_is_fitted_anew_when_it_saw_what_was_lost_of_a_forgotten_source(
    stage: Stage,
) -> None:
    lost, gone = of("a", 1, 1), empty("a", 2, 2)
    await stage.project(piece(0, source_id="other"), lost)
    await stage.project(gone)
    assert not stage.state.owes_refit

    await stage.settle(gone)

    assert stage.state.owes_refit
    assert stage.state.forgotten_version == stage.model.version
    assert_counted(stage.state, [piece(0)])


async def test_what_is_stored_below_the_floor_counts_until_it_is_retracted(stage: Stage) -> None:
    """A newer version that was seen here may have been lost on its way to writing."""
    old = of("a", 1, 1)
    await stage.project(piece(0, source_id="other"))
    await stage.project(of("a", 2, 2))
    await stage.project(old)

    await stage.settle(old)
    assert_counted(stage.state, [piece(0), of("a", 2, 2), old])

    await stage.retract(old)
    assert_counted(stage.state, [piece(0), of("a", 2, 2)])


async def test_what_was_retracted_before_it_counted_never_does(stage: Stage) -> None:
    old = of("a", 1, 1)
    await stage.project(piece(0, source_id="other"))
    await stage.project(of("a", 2, 2))
    await stage.project(old)

    await stage.retract(old)
    await stage.settle(old)

    assert_counted(stage.state, [piece(0), of("a", 2, 2)])
    assert stage.state.in_doubt == 0


async def test_nothing_changes_when_it_cannot_be_stored(stage: Stage) -> None:
    await stage.project(piece(0), piece(1))
    stage.store.failures = 1

    with pytest.raises(TransientError):
        await stage.settle(piece(1), fate=Fate.REFUSED)

    assert_counted(stage.state, [piece(0), piece(1)])
    await stage.settle(piece(1), fate=Fate.REFUSED)
    assert_counted(stage.state, [piece(0)])


async def test_vectors_that_are_gone_are_told(stage: Stage) -> None:
    await stage.project(piece(0), piece(1))
    stage.store.lose_vectors()

    with pytest.raises(InvalidMessage, match="batch-1 that were kept are gone"):
        await stage.settle(piece(1), fate=Fate.REFUSED)

    assert_counted(stage.state, [piece(0), piece(1)])


async def test_the_contract_is_read(stage: Stage) -> None:
    projector = Projector(stage.state, store=stage.store, clock=stage.clock, rules=stage.rules)
    await stage.project(piece(0), piece(1), piece(2))
    facts = piece(0).descriptor

    def told(number: int, **changes: Any) -> SettledBatch:
        fields: dict[str, Any] = {
            "batch_id": f"batch-{number}",
            "source_id": facts.source_id,
            "source_version": facts.source_version,
            "verdict": "stored",
            "records": 3,
            "checksum": vector_checksum(vectors(number)),
        }
        return SettledBatch(**fields | changes)

    await projector.settle([told(0), told(1, verdict="refused", records=0), told(2)])

    assert_counted(stage.state, [piece(0), piece(2)])
    assert (stage.state.pending, stage.state.in_doubt) == (0, 0)


@settings(max_examples=60)
@given(st.randoms(use_true_random=False))
async def test_at_rest_they_are_those_of_what_is_stored(random: Any) -> None:
    """A writer as it is, deliveries in any order and repetition, news late and out of order."""
    stage = Stage()
    await stage.project(piece(50))
    await stage.settle(piece(50))
    sent = [
        of(source, version, 10 * number + version, vectors_of=copy + 10 * number)
        for number, source in enumerate("abc")
        for version in (1, 2)
        for copy in (1, 2)
    ]
    coming = random.choices(sent, k=random.randint(0, 12))
    await stage.project(*random.sample(coming, k=len(coming) // 2))
    writer, news = Writer(), list[News]()
    for batch in coming:
        await stage.project(batch)
        for gone in writer.take(batch, news):
            await stage.retract(gone)
        while news and random.random() < 0.5:
            one, fate, held = news.pop(0)
            await stage.settle(one, fate=fate, stored=held)
            await stage.restart()
    for one, fate, held in news:
        await stage.settle(one, fate=fate, stored=held)

    assert_counted(stage.state, [piece(50), *writer.stored.values()])
    assert (stage.state.pending, stage.state.in_doubt) == (0, 0)
