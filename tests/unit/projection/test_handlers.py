import asyncio
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.projection.handlers.events import contract_of
from services.projection.handlers.refit import NO_RECORDS
from services.projection.handlers.retract import Retraction, retract
from shared.contracts.batches import decode, projected_schema, require_columns
from shared.errors import InvalidMessage, TransientError
from tests.builders import NOW, embedded_batch
from tests.unit.projection.stage import NO_DRIFT, Stage, assert_counted, piece, points, vectors
from tests.waiting import PATIENCE_S


@pytest.fixture
def stage() -> Stage:
    return Stage()


# --- the first batch


async def test_the_first_batch_makes_the_first_model(stage: Stage) -> None:
    result = await stage.project(piece(0))

    assert result.model is not None
    assert stage.state.model is result.model
    assert (result.model.version, result.model.parent) == (1, None)
    assert (result.model.reason, result.model.record_count) == ("first", 3)
    assert result.model.created_at == NOW
    assert not stage.state.is_stale


async def test_a_batch_comes_back_with_its_coordinates_and_the_models_version(
    stage: Stage,
) -> None:
    result = await stage.project(piece(0))

    (out,) = result.batches
    assert stage.state.model is not None
    require_columns(out.rows, projected_schema(4))
    assert np.array_equal(points(out), stage.state.model.plane.project(vectors(0)))
    assert out.descriptor == piece(0).descriptor.model_copy(update={"model_version": 1})
    assert out.rows.select(piece(0).rows.schema.names).equals(piece(0).rows)


async def test_a_single_record_is_at_the_origin(stage: Stage) -> None:
    result = await stage.project(piece(0, count=1))

    assert points(result.batches[0]).tolist() == [[0, 0]]


async def test_an_empty_batch_before_any_record_is_passed_on(stage: Stage) -> None:
    result = await stage.project(piece(0, count=0), piece(1, count=0))

    assert result.model is None
    assert [len(one) for one in result.batches] == [0, 0]
    assert [one.descriptor.model_version for one in result.batches] == [None, None]
    require_columns(result.batches[0].rows, projected_schema(4))
    assert stage.state.moments is None


async def test_an_empty_batch_changes_no_moments_but_is_applied(stage: Stage) -> None:
    await stage.project(piece(0))
    await stage.project(piece(1, count=0))

    assert not stage.state.is_stale
    assert await stage.store.known("default", ["batch-1"]) == {"batch-1": True}


async def test_nothing_comes_to_nothing(stage: Stage) -> None:
    result = await stage.project()

    assert (result.model, result.batches, result.dead, stage.store.saved) == (None, [], [], [])


# --- counted once


class Modelled:
    """A stage and, by plain bookkeeping, what it should have counted."""

    def __init__(self) -> None:
        self.stage = Stage()
        self.seen: set[int] = set()
        self.counted: set[int] = set()

    async def step(self, kind: str, numbers: Sequence[int], *, fails: bool) -> None:
        batches = [piece(number, count=number % 4) for number in numbers]
        self.stage.store.failures = int(fails)
        action = self.stage.retract if kind == "retract" else self.stage.project
        before = (self.stage.state.moments, self.stage.state.revision, self.stage.state.model)
        try:
            await action(*batches)
        except TransientError:
            state = self.stage.state
            assert (state.moments, state.revision, state.model) == before
            self.stage.store.failures = 0
            await action(*batches)
        self.stage.store.failures = 0
        if kind == "retract":
            self.counted -= set(numbers)
        else:
            had_moments = self.stage.state.moments is not None
            fresh = set(numbers) - self.seen if had_moments else set()
            self.seen |= fresh
            self.counted |= fresh


steps = st.lists(
    st.tuples(
        st.sampled_from(["project", "project", "retract", "restart"]),
        st.lists(st.integers(0, 9), min_size=1, max_size=6),
        st.booleans(),
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(steps)
async def test_whatever_is_delivered_how_often_each_batch_is_counted_once(
    journey: list[tuple[str, list[int], bool]],
) -> None:
    modelled = Modelled()
    for kind, numbers, fails in journey:
        if kind == "restart":
            await modelled.stage.restart()
        else:
            await modelled.step(kind, numbers, fails=fails)

    expected = [piece(number, count=number % 4) for number in sorted(modelled.counted)]
    assert_counted(modelled.stage.state, expected)
    await modelled.stage.restart()
    assert_counted(modelled.stage.state, expected)


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(8)), st.lists(st.integers(1, 7), max_size=4))
async def test_the_way_the_batches_come_makes_no_difference(
    order: list[int], cuts: list[int]
) -> None:
    stage = Stage()
    edges = [0, *sorted(cuts), 8]
    for start, end in pairwise(edges):
        await stage.project(*(piece(number) for number in order[start:end]))

    assert_counted(stage.state, [piece(number) for number in range(8)])


async def test_a_repeated_batch_is_projected_again_though_not_counted(stage: Stage) -> None:
    await stage.project(piece(0))

    result = await stage.project(piece(0), piece(0))

    assert [one.descriptor.batch_id for one in result.batches] == ["batch-0", "batch-0"]
    assert result.model is None
    assert len(stage.store.saved) == 1
    assert_counted(stage.state, [piece(0)])


async def test_a_failing_checkpoint_changes_nothing(stage: Stage) -> None:
    await stage.project(piece(0))
    before = (stage.state.moments, stage.state.revision, stage.state.model)
    stage.store.failures = 3

    with pytest.raises(TransientError):
        await stage.project(piece(1, count=9))
    with pytest.raises(TransientError):
        await stage.retract(piece(0))
    with pytest.raises(TransientError):
        await stage.refit()

    assert (stage.state.moments, stage.state.revision, stage.state.model) == before
    assert not stage.state.changing.locked()


async def test_a_checkpoint_that_was_cut_off_is_in_memory_if_it_is_in_the_store(
    stage: Stage,
) -> None:
    """Else the next checkpoint would overwrite the moments and lose the batch for ever."""
    await stage.project(piece(0))
    stage.store.gate.clear()
    working = asyncio.create_task(stage.project(piece(1)))
    async with asyncio.timeout(PATIENCE_S):
        while len(stage.store.saved) < 2:
            await asyncio.sleep(0)
    working.cancel()
    stage.store.gate.set()
    with pytest.raises(asyncio.CancelledError):
        await working

    await stage.project(piece(1), piece(2))

    assert_counted(stage.state, [piece(0), piece(1), piece(2)])


# --- fits


async def test_growth_by_the_factor_fits_again(stage: Stage) -> None:
    await stage.project(piece(0, count=4))
    below = await stage.project(piece(1, count=3))
    reached = await stage.project(piece(2, count=1))

    assert below.model is None
    assert reached.model is not None
    assert (reached.model.version, reached.model.parent) == (2, 1)
    assert (reached.model.reason, reached.model.record_count) == ("threshold", 8)


async def test_all_batches_after_a_refit_carry_the_new_version(stage: Stage) -> None:
    await stage.project(piece(0))
    result = await stage.project(piece(0), piece(1), piece(2, count=0))
    assert result.model is not None
    later = await stage.project(piece(1))

    versions = [one.descriptor.model_version for one in [*result.batches, *later.batches]]
    assert versions == [2, 2, 2, 2]
    plane = result.model.plane
    assert np.array_equal(points(result.batches[0]), plane.project(vectors(0)))


async def test_a_refit_on_command_is_a_new_model_of_everything_counted(stage: Stage) -> None:
    await stage.project(piece(0), piece(1))
    await stage.project(piece(2, count=1))
    stage.clock.advance(60)
    assert stage.state.is_stale

    model = await stage.refitted(reason="because", causes=("wish-1", "wish-2"))

    assert (model.version, model.parent, model.record_count) == (2, 1, 7)
    assert (model.reason, model.correlation_ids) == ("because", ("wish-1", "wish-2"))
    assert model.created_at == stage.clock.now()
    assert stage.state.model is model
    assert not stage.state.is_stale
    await stage.restart()
    assert stage.state.model is not None
    assert stage.state.model.version == 2


async def test_without_records_there_is_no_refit(stage: Stage) -> None:
    assert await stage.refit() == NO_RECORDS
    await stage.project(piece(0))
    await stage.retract(piece(0))

    assert await stage.refit() == NO_RECORDS
    assert len(stage.store.saved) == 2


async def test_a_new_model_is_turned_onto_the_old_map_unless_told_otherwise() -> None:
    moved = {}
    for align in (True, False):
        stage = Stage(rules=replace(NO_DRIFT, align=align))
        old = (await stage.project(piece(0, count=8))).model
        new = (await stage.project(*(piece(0), piece(3, count=40)))).model
        assert old is not None
        assert new is not None
        before, after = old.plane.project(vectors(3, 40)), new.plane.project(vectors(3, 40))
        offset = (before - after).mean(axis=0)
        moved[align] = float(((before - after - offset) ** 2).sum())

    assert moved[True] <= moved[False] + 1e-3


async def test_a_map_that_was_emptied_can_be_filled_again(stage: Stage) -> None:
    await stage.project(piece(0))
    await stage.retract(piece(0))
    assert stage.state.records == 0

    result = await stage.project(piece(1, count=6))

    assert result.model is not None
    assert result.model.reason == "threshold"
    assert_counted(stage.state, [piece(1, count=6)])


async def test_the_contract_carries_the_whole_model(stage: Stage) -> None:
    model = (await stage.project(piece(0))).model
    assert model is not None

    contract = contract_of("default", model)

    assert np.array_equal(contract.plane().mean, model.plane.mean)
    assert np.array_equal(contract.plane().components, model.plane.components)
    assert contract.explained_variance == model.explained_variance is not None
    assert contract.version == 1
    assert contract.dimension == 4


# --- retractions


async def test_a_retraction_of_what_was_never_counted_changes_nothing(stage: Stage) -> None:
    await stage.retract(piece(5))
    await stage.project(piece(0))
    await stage.retract(piece(5))

    assert_counted(stage.state, [piece(0)])
    assert len(stage.store.saved) == 1


async def test_a_retraction_makes_the_model_stale_but_leaves_it(stage: Stage) -> None:
    await stage.project(piece(0), piece(1))

    await stage.retract(piece(1))

    assert stage.state.is_stale
    assert stage.state.model is not None
    assert stage.state.model.version == 1


@pytest.mark.parametrize(
    "wrong",
    [np.full((3, 4), np.nan), np.ones((3, 5)), np.ones((9, 4))],
    ids=["not finite", "dimension", "too many"],
)
async def test_a_retraction_that_cannot_be_right_never_touches_the_moments(
    stage: Stage, wrong: np.ndarray
) -> None:
    await stage.project(piece(0), piece(1, count=2))
    await stage.settle(piece(0), piece(1, count=2))

    with pytest.raises(InvalidMessage):
        await retract(
            [Retraction("batch-0", wrong.astype(np.float32))],
            state=stage.state,
            store=stage.store,
        )

    assert_counted(stage.state, [piece(0), piece(1, count=2)])


# --- what no model can take


async def test_a_batch_of_another_dimension_is_dead_and_the_others_go_on(stage: Stage) -> None:
    await stage.project(piece(0))
    odd = embedded_batch(vectors(7, 2, dimension=5), batch_id="odd", source_id="s", index=3)

    result = await stage.project(piece(1), odd, piece(2))

    assert [one.descriptor.batch_id for one in result.batches] == ["batch-1", "batch-2"]
    (letter,) = result.dead
    assert (letter.key, letter.batch_id, letter.records) == ("odd", "odd", 2)
    assert (letter.stage, letter.source_id, letter.filename) == ("projection", "s", "a.jsonl")
    assert "dimension 5 in a collection of dimension 4" in letter.reason
    assert decode(letter.body).rows.equals(odd.rows)
    assert_counted(stage.state, [piece(0), piece(1), piece(2)])


async def test_the_first_batch_decides_the_dimension(stage: Stage) -> None:
    odd = embedded_batch(vectors(7, 2, dimension=5), batch_id="odd")

    result = await stage.project(piece(0), odd)

    assert [letter.batch_id for letter in result.dead] == ["odd"]
    assert_counted(stage.state, [piece(0)])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
async def test_vectors_that_are_not_finite_are_dead_alone(stage: Stage, bad: float) -> None:
    values = vectors(0, 4)
    values[1, 2] = bad
    mixed = embedded_batch(values, batch_id="mixed")

    result = await stage.project(mixed)
    again = await stage.project(mixed)

    assert stage.state.moments is not None
    assert np.isfinite(stage.state.moments.scatter).all()
    assert stage.state.records == 3
    (out,) = result.batches
    assert out.rows["iteration"].to_pylist() == [0, 2, 3]
    (letter,) = result.dead
    assert letter.key == f"mixed:{letter.record_id}"
    assert letter.record_id == mixed.rows["id"][1].as_py()
    assert (letter.line, letter.byte_offset, letter.records) == (2, 100, 1)
    assert decode(letter.body).rows["id"].to_pylist() == [letter.record_id]
    assert [one.key for one in again.dead] == [letter.key]


async def test_a_batch_without_any_finite_vector_is_empty_and_applied(stage: Stage) -> None:
    await stage.project(piece(0))
    bad = embedded_batch(np.full((2, 4), np.nan, np.float32), batch_id="bad")

    result = await stage.project(bad)

    assert [len(one) for one in result.batches] == [0]
    assert [letter.records for letter in result.dead] == [1, 1]
    assert await stage.store.known("default", ["bad"]) == {"bad": True}
    assert_counted(stage.state, [piece(0)])


async def test_huge_vectors_have_finite_coordinates(stage: Stage) -> None:
    big = embedded_batch(np.eye(4, dtype=np.float32) * 1e30, batch_id="big")

    result = await stage.project(big)

    assert np.isfinite(points(result.batches[0])).all()
