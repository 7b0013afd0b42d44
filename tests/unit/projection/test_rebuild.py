"""What is stored counts, and what may yet be stored; nothing else, whatever was counted."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from services.projection.domain.moments import Moments
from services.projection.domain.pending import Fate
from services.projection.domain.state import ModelVersion
from services.projection.handlers.belonging import load
from services.projection.handlers.rebuild import Past, rebuild
from services.projection.loops import finish
from shared.belonging import Belonging
from shared.contracts.batches import Batch
from shared.contracts.history import ComparedHistory, CompareHistory, ToldMemory
from shared.errors import TransientError
from shared.history import Verdict
from tests.contract.test_projection_store import model
from tests.unit.projection.stage import Stage, assert_counted, cloud, piece, vectors


@dataclass
class FakeStoredMap:
    batches: Sequence[Batch] = ()
    archived: Sequence[ModelVersion] = field(default_factory=list)

    def vectors(self) -> Iterator[tuple[Sequence[str], np.ndarray]]:
        for one in self.batches:
            yield [one.descriptor.batch_id] * len(one), one.vectors

    def versions(self) -> Mapping[str, int]:
        found: dict[str, int] = {}
        for one in self.batches:
            facts = one.descriptor
            found[facts.source_id] = max(facts.source_version, found.get(facts.source_id, 0))
        return found

    def models(self) -> Sequence[ModelVersion]:
        return self.archived


@pytest.fixture
def stage() -> Stage:
    return Stage()


async def rebuilt(
    stage: Stage, *stored: Batch, archived: Sequence[ModelVersion] = (), past: Past = "same"
) -> int:
    done = await rebuild(
        "default", stored=FakeStoredMap(stored, archived), store=stage.store, past=past
    )
    await stage.restart()
    return done.records


async def known(stage: Stage, *batches: Batch) -> list[bool | None]:
    ids = [one.descriptor.batch_id for one in batches]
    found = await stage.store.known("default", ids)
    return [found.get(one) for one in ids]


async def test_what_is_stored_counts_instead_of_what_was_counted(stage: Stage) -> None:
    gone, kept, never_counted = piece(1), piece(2), piece(3, 5)
    await stage.project(gone, kept)
    await stage.settle(gone, kept)

    assert await rebuilt(stage, kept, never_counted) == 8
    assert_counted(stage.state, [piece(2), piece(3, 5)])
    assert await known(stage, gone, kept, never_counted) == [None, True, True]


async def test_other_vectors_of_a_batch_count_as_they_are_stored(stage: Stage) -> None:
    await stage.project(piece(1))
    await stage.settle(piece(1))

    await rebuilt(stage, cloud(1, vectors(9)))

    assert_counted(stage.state, [cloud(1, vectors(9))])


async def test_what_waits_to_be_stored_stays_and_settles_as_ever(stage: Stage) -> None:
    stored, waits, dies = piece(1), piece(2), piece(3)
    await stage.project(stored, waits, dies)

    await rebuilt(stage, stored)

    assert_counted(stage.state, [piece(1), piece(2), piece(3)])
    assert stage.state.pending == 2
    await stage.settle(waits)
    await stage.settle(dies, fate=Fate.REFUSED)
    assert_counted(stage.state, [piece(1), piece(2)])


async def test_what_waits_and_is_lost_counts_no_more_but_may_come_again(stage: Stage) -> None:
    await stage.project(piece(1), piece(2))
    stage.store.lose_vectors()

    await rebuilt(stage, piece(1))

    assert_counted(stage.state, [piece(1)])
    assert stage.state.pending == 0
    await stage.project(piece(2))
    assert_counted(stage.state, [piece(1), piece(2)])


async def test_nothing_is_in_doubt_afterwards(stage: Stage) -> None:
    await stage.project(piece(1))
    await stage.settle(piece(1), stored=cloud(1, vectors(9)))
    assert stage.state.in_doubt == 1

    await rebuilt(stage, cloud(1, vectors(9)))

    assert stage.state.in_doubt == 0
    assert_counted(stage.state, [cloud(1, vectors(9))])


@pytest.mark.parametrize("is_answered", [True, False])
async def test_a_state_that_has_not_counted_all_that_is_stored_counts_it_when_it_is_opened(
    stage: Stage, *, is_answered: bool
) -> None:
    stored = cloud(1, vectors(9))
    await stage.project(piece(1))
    await stage.settle(piece(1), stored=stored)

    await opened(stage, "monday", stored, is_answered=is_answered)

    assert stage.state.in_doubt == (0 if is_answered else 1)
    assert_counted(stage.state, [stored] if is_answered else [])


def asked(stage: Stage, *, is_answered: bool = True) -> Belonging:
    """Return what says that state and dataset belong together, if writing is there."""

    async def ask(_: CompareHistory) -> ComparedHistory:
        if not is_answered:
            raise TransientError("writing is away")
        memory = ToldMemory(history="d", opening="o", position=1)
        told = {"verdict": str(Verdict.TOGETHER), "dataset": memory}
        return ComparedHistory.model_validate(told)

    return Belonging("projection", "default", stage.store, ask)


async def opened(stage: Stage, since: str, *stored: Batch, is_answered: bool = True) -> int:
    """Open the state with a consumer of news that is there since then; return what waits."""
    stage.state = await load(
        "default",
        store=stage.store,
        belonging=asked(stage, is_answered=is_answered),
        stored=FakeStoredMap(stored),
        hears_since=since,
    )
    return stage.state.pending


async def test_what_was_told_to_a_consumer_that_is_lost_is_read_from_the_dataset(
    stage: Stage,
) -> None:
    stored, replaced = of_source(piece(1), "s", 2, "b"), of_source(piece(2), "s", 1, "a")
    await opened(stage, "monday")
    await stage.project(stored, replaced)
    assert await opened(stage, "monday", stored) == 2

    assert await opened(stage, "tuesday", stored, is_answered=False) == 2
    assert stage.state.has_missed_news
    assert await opened(stage, "tuesday", stored) == 0
    assert not stage.state.has_missed_news
    assert_counted(stage.state, [stored])


async def test_who_has_nothing_to_hear_misses_nothing(stage: Stage) -> None:
    """A collection that was at rest has other consumers whenever it is busy again."""
    await opened(stage, "monday")
    await stage.project(piece(1))
    await stage.settle(piece(1))
    before = stage.state.revision

    assert await opened(stage, "tuesday", piece(2)) == 0
    assert stage.state.revision == before
    await stage.project(piece(3))
    assert await opened(stage, "tuesday", piece(2)) == 1
    assert stage.state.revision == before + 1


async def test_what_is_held_back_when_a_collection_comes_to_rest_is_not_missed(
    stage: Stage,
) -> None:
    await opened(stage, "monday")
    await stage.project(piece(1))
    await stage.settle(piece(1), fate=Fate.STAGED)
    before = stage.state.revision
    await finish(cast("Any", SimpleNamespace(state=stage.state)), stage.store)

    assert await opened(stage, "tuesday") == 1
    assert (stage.state.has_missed_news, stage.state.revision) == (False, before)
    assert await opened(stage, "friday") == 1
    assert stage.state.revision == before + 1


async def test_a_new_store_goes_on_with_the_models_that_are_archived(stage: Stage) -> None:
    await rebuilt(stage, piece(1), archived=[model(4), model(5)])

    assert stage.model.version == 5
    assert await stage.store.unannounced("default") == []
    assert (await stage.refitted(force=True)).version == 6


async def test_a_model_with_other_numbers_becomes_the_archived_one(stage: Stage) -> None:
    await stage.project(piece(1))
    archived = model(stage.model.version)

    await rebuilt(stage, piece(1), archived=[archived])

    assert stage.model.plane.is_same(archived.plane)


@pytest.mark.parametrize(
    ("past", "version"), [("same", 7), ("unheard", 7), ("earlier", 5), ("another", 5)]
)
async def test_models_that_the_dataset_has_never_seen_go_with_another_past(
    stage: Stage, past: Past, version: int
) -> None:
    """A state that was lost has begun at 1 again, and may have told 9 by now."""
    await stage.store.adopt("default", [model(7)])

    await rebuilt(stage, piece(1), archived=[model(4), model(5)], past=past)

    assert stage.model.version == version


@pytest.mark.parametrize(
    ("past", "left"),
    [
        ("same", ["new", "old", "other"]),
        ("unheard", ["new", "other"]),
        ("earlier", ["new", "other"]),
        ("another", []),
    ],
)
async def test_what_nobody_will_tell_of_is_not_waited_for(
    stage: Stage, past: Past, left: list[str]
) -> None:
    """What waits of a version that was replaced since, and of another map all that waits."""
    stored = of_source(piece(1), "s", 3, "stored")
    waits = (
        of_source(piece(2), "s", 2, "old"),
        of_source(piece(3), "s", 3, "new"),
        of_source(piece(4), "t", 1, "other"),
    )
    await stage.project(*waits)

    await rebuilt(stage, stored, past=past)

    found = await stage.store.everything("default")
    assert sorted(one.batch_id for one in found.candidates) == left
    assert {name for name, counts in found.batches.items() if counts} <= {*left, "stored"}
    assert stage.state.pending == len(left)


def of_source(batch: Batch, source: str, version: int, name: str) -> Batch:
    facts = {"source_id": source, "source_version": version, "batch_id": name}
    return Batch(batch.descriptor.model_copy(update=facts), batch.rows)


async def test_a_map_without_rows_counts_nothing(stage: Stage) -> None:
    await stage.project(piece(1))
    await stage.settle(piece(1))

    assert await rebuilt(stage) == 0
    assert stage.state.moments is not None
    assert stage.state.moments.dimension == Moments.of(vectors(1)).dimension


async def test_what_cannot_be_stored_changes_nothing(stage: Stage) -> None:
    await stage.project(piece(1))
    stage.store.failures = 1

    with pytest.raises(TransientError):
        await rebuilt(stage, piece(2))
    await stage.restart()
    assert_counted(stage.state, [piece(1)])
