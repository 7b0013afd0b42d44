"""What every Staging does."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from services.writing.adapters.sqlite_staging import FILENAME, SqliteStaging
from services.writing.domain.stored_state import StagedSource
from services.writing.ports import Staging
from shared.contracts.batches import encode
from tests.fakes.staging import FakeStaging
from tests.unit.writing.scenes import piece, with_vectors


@pytest.fixture(params=["fake", "sqlite"])
async def staging(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Staging]:
    if request.param == "fake":
        yield FakeStaging()
        return
    one = SqliteStaging(tmp_path)
    yield one
    await one.close()


async def test_nothing_waits_at_first(staging: Staging) -> None:
    assert not await staging.held()
    assert list(staging.scan({"a": frozenset()})) == []


async def test_what_waits_is_as_it_came_and_in_its_order(staging: Staging) -> None:
    came = [piece("a", 2, 1), piece("a", 2, 0), piece("b", 3)]

    await staging.change(came, {})

    assert await staging.held() == {
        "a": StagedSource(2, frozenset({"a@2#0", "a@2#1"})),
        "b": StagedSource(3, frozenset({"b@3#0"})),
    }
    found = [*staging.scan({"a": frozenset()}), *staging.scan({"b": frozenset()})]
    assert list(map(encode, found)) == list(map(encode, came))


@pytest.mark.parametrize("steps", range(1, 4))
async def test_who_is_cut_off_while_it_is_read_has_not_read_that_nothing_waits(
    steps: int, tmp_path: Path
) -> None:
    first = SqliteStaging(tmp_path)
    await first.change([piece("a", 2)], {})
    await first.close()
    staging = SqliteStaging(tmp_path)
    reading = asyncio.ensure_future(staging.held())
    for _ in range(steps):
        await asyncio.sleep(0)
    reading.cancel()
    await asyncio.wait([reading])

    assert set(await staging.held()) == {"a"}
    await staging.close()


async def test_a_batch_that_waits_already_stays_as_it_came_first(staging: Staging) -> None:
    await staging.change([piece("a", 2)], {})
    await staging.change([with_vectors(piece("a", 2), 7.0)], {})

    (found,) = staging.scan({"a": frozenset()})

    assert encode(found) == encode(piece("a", 2))


async def test_batches_that_are_not_asked_for_are_left_out(staging: Staging) -> None:
    await staging.change([piece("a", 2, 0), piece("a", 2, 1)], {})

    (found,) = staging.scan({"a": frozenset({"a@2#0"})})

    assert found.descriptor.batch_id == "a@2#1"


async def test_a_version_goes_when_the_next_one_comes(staging: Staging) -> None:
    await staging.change([piece("a", 2), piece("b", 2)], {})
    await staging.change([piece("a", 3)], {"a": 2, "c": 5})

    assert await staging.held() == {
        "a": StagedSource(3, frozenset({"a@3#0"})),
        "b": StagedSource(2, frozenset({"b@2#0"})),
    }


async def test_of_a_batch_without_rows_the_version_is_kept(staging: Staging) -> None:
    await staging.change([piece("a", 2), piece("b", 2)], {})
    await staging.change([piece("a", 3, rows=0), piece("b", 2, 1, rows=0)], {"a": 2})

    assert await staging.held() == {
        "a": StagedSource(3, frozenset()),
        "b": StagedSource(2, frozenset({"b@2#0"})),
    }
    assert list(staging.scan({"a": frozenset()})) == []
    await staging.change([], {"a": 3, "b": 2})
    assert not await staging.held()


async def test_a_file_of_before_is_read_as_it_is(tmp_path: Path) -> None:
    before = SqliteStaging(tmp_path)
    await before.change([piece("a", 2)], {})
    await before.close()
    with closing(sqlite3.connect(tmp_path / FILENAME)) as db:
        db.execute("DROP TABLE floors")
    after = SqliteStaging(tmp_path)

    await after.change([piece("b", 2, rows=0)], {})

    assert await after.held() == {
        "a": StagedSource(2, frozenset({"a@2#0"})),
        "b": StagedSource(2, frozenset()),
    }
    await after.close()


async def test_what_waits_outlives_the_process(tmp_path: Path) -> None:
    before = SqliteStaging(tmp_path)
    await before.change([piece("a", 2)], {})
    after = SqliteStaging(tmp_path)

    assert await after.held() == {"a": StagedSource(2, frozenset({"a@2#0"}))}
    assert [encode(one) for one in after.scan({"a": frozenset()})] == [encode(piece("a", 2))]
    await before.close()
    await after.close()


async def test_a_collection_that_replaces_nothing_has_no_file(tmp_path: Path) -> None:
    staging = SqliteStaging(tmp_path)

    await staging.held()
    await staging.change([], {"a": 3})

    assert list(tmp_path.iterdir()) == []


async def test_room_is_given_back(tmp_path: Path) -> None:
    staging = SqliteStaging(tmp_path)
    await staging.change([piece("a", 2, index, rows=100) for index in range(50)], {})
    await staging.change([], {"a": 2})

    assert sum(one.stat().st_size for one in tmp_path.glob(f"{FILENAME}*")) < 100_000
    await staging.close()
