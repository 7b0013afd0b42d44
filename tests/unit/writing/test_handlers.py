from datetime import timedelta
from random import Random
from typing import Any

import numpy as np
import pytest

from services.writing.handlers.models import (
    ForeignStateError,
    accept_model,
    apply_model,
    held_model,
)
from services.writing.handlers.publish import publish
from services.writing.handlers.write import commit_write, plan_write
from services.writing.ports import DiskFullError, PublishedFiles
from shared.clock import SystemClock
from shared.contracts.batches import POINT_SCHEMA, Batch, BatchDescriptor
from shared.errors import InvalidMessage, TransientError
from tests.builders import embedded_batch
from tests.fakes.dataset_store import FakeDatasetStore, FakeModelArchive
from tests.fakes.output_writer import FakeOutputWriter
from tests.fakes.staging import FakeStaging
from tests.unit.writing.scenes import ids, model, piece, read, with_vectors, write


class Desk:
    """A store with model 1, and its archive."""

    def __init__(self, failures: int = 0) -> None:
        self.store = FakeDatasetStore(failures)
        self.models = FakeModelArchive(model(1))
        self.staging = FakeStaging()

    @property
    def parts(self) -> dict[str, Any]:
        """What planning and committing need."""
        return {"store": self.store, "staging": self.staging, "models": self.models}

    async def write(self, *batches: Batch):  # noqa: ANN201  as scenes.write
        return await write(*batches, store=self.store, models=self.models, staging=self.staging)

    async def publish(self, output: FakeOutputWriter):  # noqa: ANN201  as handlers.publish
        return await publish(
            "default", store=self.store, models=self.models, output=output, clock=SystemClock()
        )


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_what_is_written_is_told_and_shown(desk: Desk) -> None:
    one = piece("a", rows=3)

    written, retracted = await desk.write(one)

    assert written.committed is not None
    assert [item.records for item in written.committed.batches] == [3]
    assert written.points[0].rows.schema == POINT_SCHEMA
    assert written.points[0].rows.column("x").equals(one.rows.column("x"))
    assert retracted == []


async def test_a_batch_written_again_is_told_again_and_stored_once(desk: Desk) -> None:
    first, _ = await desk.write(piece("a"))
    again, _ = await desk.write(piece("a"), piece("a"))

    assert first.committed is not None
    assert again.committed is not None
    assert again.committed.id == first.committed.id
    assert len(again.points) == 1
    assert await read(desk.store, "id") == ids(piece("a"))


@pytest.mark.parametrize("of", [2, 3])
async def test_a_batch_of_another_model_is_projected_again(desk: Desk, of: int) -> None:
    await desk.write(piece("a", model_version=of))

    assert await read(desk.store, "x", "y") == await _places(piece("a", model_version=1))


async def test_without_a_model_the_batch_waits() -> None:
    with pytest.raises(TransientError, match="no model yet"):
        await write(piece(), store=FakeDatasetStore(), models=FakeModelArchive())


async def test_an_empty_batch_needs_no_model() -> None:
    written, _ = await write(piece(rows=0), store=FakeDatasetStore(), models=FakeModelArchive())

    assert written.committed is not None
    assert written.points == ()


async def test_only_the_batch_of_another_dimension_is_invalid(desk: Desk) -> None:
    wrong, right = piece("a", dimension=5), piece("b")

    plan = await plan_write([wrong, right], **desk.parts)

    assert [batch for batch, _ in plan.invalid] == [wrong]
    assert list(plan.batches) == [right]


@pytest.mark.parametrize("value", [np.nan, np.inf])
async def test_a_batch_with_nan_is_invalid(desk: Desk, value: float) -> None:
    plan = await plan_write([with_vectors(piece(), value)], **desk.parts)

    assert len(plan.invalid) == 1


async def test_a_batch_without_coordinates_is_invalid(desk: Desk) -> None:
    bare = embedded_batch(np.ones((2, 8)))

    plan = await plan_write([bare], **desk.parts)

    assert isinstance(plan.invalid[0][1], InvalidMessage)


async def test_if_all_batches_are_invalid_nothing_is_told(desk: Desk) -> None:
    written, _ = await desk.write(piece(dimension=5))

    assert written.committed is None


async def test_a_newer_version_retracts_the_stored_batches(desk: Desk) -> None:
    await desk.write(piece("a", 1, 0), piece("a", 1, 1), piece("b"))

    _, retracted = await desk.write(piece("a", 2, 0))

    assert sorted(retracted) == ["a@1#0", "a@1#1"]
    assert await read(desk.store, "id") == ids(piece("a", 2, 0), piece("b"))


async def test_a_superseded_batch_is_retracted_and_settled_without_records(desk: Desk) -> None:
    await desk.write(piece("a", 2))

    written, retracted = await desk.write(piece("a", 1), piece("a", 1))

    assert retracted == ["a@1#0"]
    assert written.committed is not None
    assert [item.records for item in written.committed.batches] == [0]
    assert written.points == ()


async def test_a_stored_batch_that_is_delivered_again_with_its_successor_is_retracted_once(
    desk: Desk,
) -> None:
    await desk.write(piece("a", 1))

    _, retracted = await desk.write(piece("a", 1), piece("a", 2))

    assert retracted == ["a@1#0"]


async def test_a_content_that_comes_back_is_not_retracted(desk: Desk) -> None:
    await desk.write(piece("a", 1))
    again = piece("a", 1)
    facts = again.descriptor.model_copy(update={"source_version": 3})

    _, retracted = await desk.write(Batch(BatchDescriptor.model_validate(facts), again.rows))

    assert retracted == []
    assert await read(desk.store, "id") == ids(again)


async def test_a_full_disk_changes_nothing() -> None:
    desk = Desk(failures=1)
    with pytest.raises(DiskFullError):
        await desk.write(piece("a"))

    await desk.write(piece("a"))

    assert await read(desk.store, "id") == ids(piece("a"))


async def test_any_order_and_repetition_gives_the_same_dataset() -> None:
    contents = [piece(source, version, index, model_version=version)
                for source in "abc" for version in (1, 2, 3) for index in (0, 1)]  # fmt: skip
    random = Random(1)  # noqa: S311  no secret
    for _ in range(10):
        desk = Desk()
        deliveries = contents * 2
        random.shuffle(deliveries)
        while deliveries:
            size = random.randint(1, 7)
            await desk.write(*deliveries[:size])
            deliveries = deliveries[size:]
            await _apply(desk, random.randint(1, 3))
        await _apply(desk, 3)

        expected = [piece(source, 3, index, model_version=3)
                    for source in "abc" for index in (0, 1)]  # fmt: skip
        assert await read(desk.store, "id", "x") == sorted(
            [row for batch in expected for row in _rows(batch, "id", "x")]
        )


async def test_a_new_model_moves_all_points_and_is_held(desk: Desk) -> None:
    await desk.write(piece("a"))

    applied = await _apply(desk, 2)

    assert applied is not None
    assert applied.displacement.max > 0
    assert await read(desk.store, "x", "y") == await _places(piece("a", model_version=2))
    held = await held_model(store=desk.store, models=desk.models)
    assert held is not None
    assert held.version == 2


async def test_a_model_that_is_held_or_older_changes_nothing(desk: Desk) -> None:
    await _apply(desk, 2)

    assert await _apply(desk, 2) is None
    assert await _apply(desk, 1) is None


async def test_a_model_of_another_dimension_is_refused_and_not_kept(desk: Desk) -> None:
    await desk.write(piece("a"))

    with pytest.raises(InvalidMessage):
        await apply_model(model(2, dimension=5), store=desk.store, models=desk.models)

    assert list(desk.models.models) == [1]


async def test_a_model_of_another_dimension_that_comes_is_not_kept_for_later(desk: Desk) -> None:
    await desk.write(piece("a"))

    with pytest.raises(InvalidMessage, match="dimension 5"):
        await accept_model(model(2, dimension=5), store=desk.store, models=desk.models)

    assert list(desk.models.models) == [1]


async def test_batches_are_written_while_a_model_is_applied(desk: Desk) -> None:
    await desk.write(piece("a"))

    async def meanwhile() -> None:
        await desk.write(piece("b", model_version=2))

    await apply_model(model(2), store=desk.store, models=desk.models, between=meanwhile)

    assert await read(desk.store, "x", "y") == await _places(
        piece("a", model_version=2), piece("b", model_version=2)
    )


async def test_coordinates_are_of_the_model_held_at_the_commit(desk: Desk) -> None:
    await desk.write(piece("a"))
    plan = await plan_write([piece("b")], **desk.parts)
    await _apply(desk, 2)

    await commit_write(plan, **desk.parts, clock=SystemClock())

    assert await read(desk.store, "x", "y") == await _places(
        piece("a", model_version=2), piece("b", model_version=2)
    )


async def test_files_are_published_once_per_change(desk: Desk) -> None:
    output = FakeOutputWriter()
    await desk.write(piece("a"))

    first = await desk.publish(output)
    untold = await desk.publish(output)
    await output.note_told(PublishedFiles(1, 1, 2))
    again = await desk.publish(output)
    await desk.write(piece("b"))
    second = await desk.publish(output)

    assert first is not None
    assert untold is not None
    assert (untold.id, untold.records) == (first.id, 2)
    assert (first.records, first.model_version) == (2, 1)
    assert again is None
    assert second is not None
    assert (second.records, output.writings) == (4, 2)


async def test_files_name_a_new_model_even_without_rows(desk: Desk) -> None:
    output = FakeOutputWriter()
    await desk.publish(output)
    await _apply(desk, 2)

    event = await desk.publish(output)

    assert event is not None
    assert event.model_version == 2


async def _apply(desk: Desk, version: int):  # noqa: ANN202  as handlers.apply_model
    return await apply_model(model(version), store=desk.store, models=desk.models)


async def _places(*batches: Batch) -> list[tuple]:
    return sorted(row for batch in batches for row in _rows(batch, "x", "y"))


def _rows(batch: Batch, *names: str) -> list[tuple]:
    columns = (batch.rows.column(name).to_pylist() for name in names)
    return list(zip(*columns, strict=True))


async def test_a_model_that_comes_again_is_known() -> None:
    models = FakeModelArchive(model(1), model(2))

    for one in (model(1), model(2)):
        assert not await accept_model(one, store=FakeDatasetStore(), models=models)


@pytest.mark.parametrize("is_kept", [True, False], ids=["kept", "of-long-ago"])
async def test_a_model_of_another_state_is_refused(is_kept: bool) -> None:
    """Whoever removed ledger and moments and left the map would wait for its models in vain."""
    models = FakeModelArchive(*([model(1)] if is_kept else ()), model(7))
    begun_anew = model(1).model_copy(
        update={"created_at": model(7).created_at + timedelta(hours=1)}
    )

    with pytest.raises(ForeignStateError, match="mapstream verify --repair"):
        await accept_model(begun_anew, store=FakeDatasetStore(), models=models)

    assert await models.newest() == model(7)


async def test_a_model_of_long_ago_that_comes_again_is_known() -> None:
    models = FakeModelArchive(model(7))

    assert not await accept_model(model(1), store=FakeDatasetStore(), models=models)
