"""Versions that are shown as a whole."""

from random import Random
from typing import Any

import pytest

from services.writing.handlers.write import Written, commit_write, plan_write, retractions
from services.writing.ports import DiskFullError
from shared.clock import SystemClock
from shared.contracts.batches import Batch
from tests.fakes.dataset_store import FakeDatasetStore, FakeModelArchive
from tests.fakes.staging import FakeStaging
from tests.unit.writing.scenes import ids, model, piece, read, with_vectors

SIZE = 3
"""Batches of a version, if nothing else is said."""


def part(source: str = "a", version: int = 2, index: int = 0, *, rows: int = 2) -> Batch:
    """Build a batch of a version that is shown as a whole."""
    return _with(piece(source, version, index, rows=rows), can_wait=True, is_last=False)


def shows(source: str = "a", version: int = 2) -> Batch:
    """Build what shows a version."""
    empty = piece(source, version, rows=0)
    return _with(empty, shows=True, can_wait=True, is_last=True, batch_id=f"{source}@{version}!")


def discards(source: str = "a", version: int = 3) -> Batch:
    """Build what puts the version before it aside."""
    empty = piece(source, version, rows=0)
    return _with(empty, can_wait=True, is_last=False, batch_id=f"{source}@{version}x")


def forgets(source: str, version: int) -> Batch:
    empty = piece(source, version, rows=0)
    return _with(empty, is_forgotten=True, is_last=True, batch_id=f"{source}@{version}-")


def _with(batch: Batch, **facts: Any) -> Batch:
    return Batch(batch.descriptor.model_copy(update=facts), batch.rows)


class Desk:
    def __init__(self) -> None:
        self.store = FakeDatasetStore()
        self.staging = FakeStaging()
        self.models = FakeModelArchive(model(1))
        self.retracted: list[str] = []

    async def write(self, *batches: Batch) -> Written:
        parts = {"store": self.store, "staging": self.staging, "models": self.models}
        plan = await plan_write(batches, **parts)
        gone = retractions(plan, store=self.store, staging=self.staging)
        self.retracted += [one.batch_id async for one in gone]
        return await commit_write(plan, **parts, clock=SystemClock())

    async def shown(self) -> list[tuple]:
        return sorted({(one.descriptor.batch_id,) for one in self.store.batches})


@pytest.fixture
async def desk() -> Desk:
    """Have a source of two batches on the map."""
    desk = Desk()
    await desk.write(part(version=1, index=0), part(version=1, index=1))
    return desk


def told(written: Written) -> dict[str, tuple[str, int]]:
    return {one.batch_id: (one.verdict, one.records) for one in written.settled.batches}


async def test_a_first_version_is_stored_as_it_comes(desk: Desk) -> None:
    assert {one for (one,) in await desk.shown()} == {"a@1#0", "a@1#1"}
    assert not desk.staging.batches


async def test_what_replaces_rows_waits(desk: Desk) -> None:
    written = await desk.write(part(index=0), part(index=1, rows=3))

    assert {one for (one,) in await desk.shown()} == {"a@1#0", "a@1#1"}
    assert told(written) == {"a@2#0": ("staged", 2), "a@2#1": ("staged", 3)}
    assert written.committed is None
    assert written.points == ()
    assert desk.retracted == []


async def test_what_comes_twice_at_once_waits_like_what_comes_once(desk: Desk) -> None:
    written = await desk.write(part(index=0), part(index=0))

    assert told(written) == {"a@2#0": ("staged", 2)}
    assert len(desk.staging.batches) == 1


async def test_a_version_is_shown_in_one_commit(desk: Desk) -> None:
    await desk.write(part(index=0))
    await desk.write(part(index=1, rows=3))
    before = desk.store.version

    written = await desk.write(shows())

    assert desk.store.version == before + 1
    assert await read(desk.store, "id") == ids(part(index=0), part(index=1, rows=3))
    assert told(written) == {
        "a@2#0": ("stored", 2),
        "a@2#1": ("stored", 3),
        "a@2!": ("stored", 0),
    }
    assert list(told(written))[-1] == "a@2!"
    assert sum(map(len, written.points)) == 5
    assert written.committed is not None
    assert sum(one.records for one in written.committed.batches) == 5
    assert sorted(desk.retracted) == ["a@1#0", "a@1#1"]
    assert not desk.staging.batches


async def test_checksums_are_those_of_what_is_stored(desk: Desk) -> None:
    first = await desk.write(part(index=0))
    copy = await desk.write(with_vectors(part(index=0), 7.0))
    shown = await desk.write(shows(), with_vectors(part(index=0), 8.0))

    sums = [
        one.checksum
        for written in (first, copy, shown)
        for one in written.settled.batches
        if one.batch_id == "a@2#0"
    ]
    assert len(sums) == 3
    assert len(set(sums)) == 1
    assert await read(desk.store, "vector") == sorted(
        (one,) for one in part(index=0).rows.column("vector").to_pylist()
    )


async def test_shown_rows_have_the_coordinates_of_the_model_of_that_moment(desk: Desk) -> None:
    await desk.write(part())
    stored = {one.descriptor.model_version for one in desk.store.batches}
    waited = {one.descriptor.model_version for one in desk.staging.batches}
    desk.staging.batches = [_with(one, model_version=7) for one in desk.staging.batches]

    await desk.write(shows())

    assert stored == waited == {1}
    assert {one.descriptor.model_version for one in desk.store.batches} == {1}


async def test_a_version_of_one_batch_does_not_wait(desk: Desk) -> None:
    written = await desk.write(_with(part(), is_last=True))

    assert told(written) == {"a@2#0": ("stored", 2)}
    assert {one for (one,) in await desk.shown()} == {"a@2#0"}


@pytest.mark.parametrize("shows_with", [2, 3])
async def test_a_version_of_one_batch_waits_if_too_little_of_it_is_left(
    desk: Desk, shows_with: int
) -> None:
    only = _with(part(rows=2), is_last=True, shows_with=shows_with)

    first = await desk.write(only)
    before = {one for (one,) in await desk.shown()}
    await desk.write(shows())

    waits = shows_with > 2
    assert told(first) == {"a@2#0": ("staged" if waits else "stored", 2)}
    assert before == ({"a@1#0", "a@1#1"} if waits else {"a@2#0"})
    assert {one for (one,) in await desk.shown()} == {"a@2#0"}


async def test_what_is_sent_again_waits_with_the_others(desk: Desk) -> None:
    await desk.write(part(index=0))
    again = _with(part(index=0, rows=1), batch_id="again")

    written = await desk.write(again)
    before = {one for (one,) in await desk.shown()}
    await desk.write(shows())

    assert told(written) == {"again": ("staged", 1)}
    assert before == {"a@1#0", "a@1#1"}
    assert {one for (one,) in await desk.shown()} == {"a@2#0", "again"}


async def test_what_does_not_say_that_it_can_wait_replaces_at_once(desk: Desk) -> None:
    await desk.write(part(index=0))

    await desk.write(piece("a", 2, 1))

    assert {one for (one,) in await desk.shown()} == {"a@2#0", "a@2#1"}
    assert not desk.staging.batches


async def test_what_was_appended_is_stored_as_it_comes(desk: Desk) -> None:
    await desk.write(part(version=1, index=2))

    assert {one for (one,) in await desk.shown()} == {"a@1#0", "a@1#1", "a@1#2"}


async def test_a_newer_version_takes_the_place_of_one_that_waits(desk: Desk) -> None:
    await desk.write(part(index=0))
    written = await desk.write(part(version=3))

    assert told(written) == {"a@2#0": ("superseded", 0), "a@3#0": ("staged", 2)}
    assert desk.retracted == ["a@2#0"]
    assert [one.descriptor.batch_id for one in desk.staging.batches] == ["a@3#0"]
    assert {one for (one,) in await desk.shown()} == {"a@1#0", "a@1#1"}


async def test_what_shows_a_version_that_was_overtaken_shows_nothing(desk: Desk) -> None:
    await desk.write(part(index=0))
    await desk.write(part(version=3))
    written = await desk.write(shows())

    assert told(written)["a@2!"] == ("superseded", 0)
    assert {one for (one,) in await desk.shown()} == {"a@1#0", "a@1#1"}


async def test_forgetting_lets_go_of_what_waits(desk: Desk) -> None:
    await desk.write(part(index=0))
    before = desk.store.version
    written = await desk.write(forgets("a", 3))

    assert await desk.shown() == []
    assert not desk.staging.batches
    assert sorted(desk.retracted) == ["a@1#0", "a@1#1", "a@2#0"]
    assert told(written)["a@2#0"] == ("superseded", 0)
    assert desk.store.version == before + 1


async def test_a_discarded_version_changes_nothing_of_the_dataset(desk: Desk) -> None:
    before = desk.store.version
    await desk.write(part(index=0))
    await desk.write(part(version=3))

    assert desk.store.version == before


async def test_a_version_without_any_record_takes_the_old_one_away(desk: Desk) -> None:
    await desk.write(part(rows=0), part(index=1, rows=0))
    shown_before = await desk.shown()

    await desk.write(shows())

    assert shown_before
    assert await desk.shown() == []


async def test_what_shows_a_version_of_which_nothing_came_takes_the_old_one_away(
    desk: Desk,
) -> None:
    written = await desk.write(shows())

    assert await desk.shown() == []
    assert told(written) == {"a@2!": ("stored", 0)}
    assert written.removed is not None


async def test_a_version_without_any_record_is_remembered(desk: Desk) -> None:
    await desk.write(part(rows=0))
    await desk.write(shows())

    assert (await desk.store.state()).sources["a"].current == 2
    assert not await desk.staging.held()


async def test_what_is_put_aside_goes_unseen_and_the_old_version_stays(desk: Desk) -> None:
    await desk.write(part(index=0))
    before = desk.store.version

    written = await desk.write(discards())

    assert told(written) == {"a@2#0": ("superseded", 0), "a@3x": ("staged", 0)}
    assert desk.retracted == ["a@2#0"]
    assert not desk.staging.batches
    assert {one for (one,) in await desk.shown()} == {"a@1#0", "a@1#1"}
    assert desk.store.version == before


async def test_what_comes_after_its_version_was_put_aside_does_not_wait(desk: Desk) -> None:
    await desk.write(part(index=0))
    await desk.write(discards())

    written = await desk.write(part(index=1))

    assert told(written) == {"a@2#1": ("superseded", 0)}
    assert not desk.staging.batches


async def test_after_one_that_was_put_aside_the_next_version_is_shown_as_ever(desk: Desk) -> None:
    await desk.write(part(index=0))
    await desk.write(discards())
    await desk.write(part(version=4), part(version=4, index=1))
    shown_before = await desk.shown()

    await desk.write(shows(version=4))

    assert {one for (one,) in shown_before} == {"a@1#0", "a@1#1"}
    assert {one for (one,) in await desk.shown()} == {"a@4#0", "a@4#1"}
    assert not await desk.staging.held()


async def test_a_full_disk_keeps_the_old_version(desk: Desk) -> None:
    desk.staging.failures = 1

    with pytest.raises(DiskFullError):
        await desk.write(part())

    assert {one for (one,) in await desk.shown()} == {"a@1#0", "a@1#1"}
    assert told(await desk.write(part())) == {"a@2#0": ("staged", 2)}


async def test_what_shows_comes_again_after_a_crash_before_the_staging_was_emptied(
    desk: Desk,
) -> None:
    await desk.write(part(index=0), part(index=1))
    left = list(desk.staging.batches)
    await desk.write(shows())
    desk.staging.batches = left

    written = await desk.write(shows())

    assert await read(desk.store, "id") == ids(part(index=0), part(index=1))
    assert set(told(written).values()) == {("stored", 2), ("stored", 0)}
    assert not desk.staging.batches


async def test_what_shows_comes_again_after_a_crash_before_it_was_told(desk: Desk) -> None:
    await desk.write(part(index=0), part(index=1))
    first = await desk.write(shows())
    again = await desk.write(shows())

    assert told(again) == told(first)
    assert [one.checksum for one in again.settled.batches] == [
        one.checksum for one in first.settled.batches
    ]


async def test_in_every_order_and_repetition_only_whole_versions_are_seen() -> None:
    for seed in range(200):
        random = Random(seed)  # noqa: S311  no secret
        desk, versions = Desk(), range(1, random.randint(2, 4) + 1)
        whole = [[(f"a@{version}#{index}",) for index in range(SIZE)] for version in versions]
        await desk.write(*(part(version=1, index=index) for index in range(SIZE)))
        sent = [
            part(version=version, index=index) for version in versions for index in range(SIZE)
        ]
        sent += random.sample(sent, SIZE)
        random.shuffle(sent)
        newest = versions[-1]
        last = [part(version=newest, index=index) for index in range(SIZE)]
        # The ledger sends it when all of its version were told as staged.
        for batch in (*sent, *last, shows(version=newest), *sent):
            await desk.write(batch)
            assert await desk.shown() in whole, seed
        assert await desk.shown() == whole[-1], seed
        assert not desk.staging.batches, seed
