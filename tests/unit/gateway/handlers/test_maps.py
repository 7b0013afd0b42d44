import json

import pyarrow as pa
import pytest

from services.gateway.handlers.maps import (
    MAP_SCHEMA,
    NoMapError,
    OutdatedError,
    head_of,
    map_since,
    require_points,
    whole_map,
)
from services.gateway.ports import MapMarks, PositionLostError
from shared.contracts.batches import Batch
from shared.errors import InvalidMessage
from tests.builders import batch
from tests.unit.gateway.builders import FakeMapReader, FakePointLog, points

MARKS = MapMarks(dataset_version=3, model_version=1, records=2)


def table_of(body: bytes) -> pa.Table:
    return pa.ipc.open_stream(body).read_all()


async def whole(maps: FakeMapReader) -> pa.Table:
    async with maps.open("default") as opened:
        head = await head_of("default", opened, points=FakePointLog())
        assert opened
        return table_of(b"".join([piece async for piece in whole_map(head, opened)]))


async def since(
    position: int, log: FakePointLog, marks: MapMarks | None = MARKS, model: int | None = None
) -> pa.Table:
    _, body = await map_since(
        "default", position, model_version=model, maps=FakeMapReader(marks), points=log
    )
    return table_of(body)


async def test_a_whole_map_says_what_it_is() -> None:
    table = await whole(FakeMapReader(MARKS, ["a", "b"]))

    assert table.column("id").to_pylist() == ["a", "b"]
    assert table.schema.metadata == {
        b"mapstream.collection": b"default",
        b"mapstream.dataset_version": b"3",
        b"mapstream.model_version": b"1",
        b"mapstream.since": b"3",
    }


async def test_an_empty_map_is_a_stream_too() -> None:
    table = await whole(FakeMapReader(MapMarks(1, None, 0)))

    assert table.schema.equals(MAP_SCHEMA)
    assert b"mapstream.model_version" not in table.schema.metadata


async def test_a_collection_without_files_has_no_map() -> None:
    with pytest.raises(NoMapError):
        await whole(FakeMapReader())
    with pytest.raises(NoMapError):
        await since(0, FakePointLog(), marks=None)


async def test_a_point_that_was_told_twice_is_given_as_it_stands_last() -> None:
    log = FakePointLog(points("1", ["a", "b"], x=1), points("2", ["b", "c"], x=2))

    table = await since(0, log)

    assert dict(zip(table["id"].to_pylist(), table["x"].to_pylist(), strict=True)) == {
        "a": 1,
        "b": 2,
        "c": 2,
    }
    assert table.num_rows == 3


async def test_nothing_new_is_an_empty_stream_with_the_same_position() -> None:
    table = await since(1, FakePointLog(points("1", ["a"])))

    assert (table.num_rows, table.schema.metadata[b"mapstream.since"]) == (0, b"1")


async def test_many_points_come_in_steps() -> None:
    log = FakePointLog(*(points(str(i), [str(i)]) for i in range(5)), most=2)

    head, _ = await map_since(
        "default", 0, model_version=None, maps=FakeMapReader(MARKS), points=log
    )

    assert (head.since, head.has_more) == (2, True)


async def test_points_of_another_model_cannot_be_added() -> None:
    with pytest.raises(OutdatedError, match="model 2"):
        await since(0, FakePointLog(points("1", ["a"], model_version=2)))


async def test_a_caller_with_another_model_must_begin_anew_even_without_news() -> None:
    with pytest.raises(OutdatedError):
        await since(0, FakePointLog(), model=2)
    assert (await since(0, FakePointLog(), model=1)).num_rows == 0


async def test_what_left_the_map_is_told_and_given_no_more() -> None:
    """It may be told again behind points that took their place: those stay."""
    replaced = [points("1", ["a", "b"]), points("2", ["a"], source_version=2)]
    log = FakePointLog(*replaced, removals={"a.jsonl": 2})

    table = await since(0, log)

    assert table.select(["id", "source_version"]).to_pylist() == [{"id": "a", "source_version": 2}]
    assert json.loads(table.schema.metadata[b"mapstream.removed"]) == {"a.jsonl": 2}


async def test_of_points_that_only_left_there_is_word_too() -> None:
    table = await since(0, FakePointLog(removals={"é.jsonl": 5}))

    assert table.num_rows == 0
    assert json.loads(table.schema.metadata[b"mapstream.removed"]) == {"é.jsonl": 5}
    assert b"mapstream.removed" not in (await since(0, FakePointLog())).schema.metadata


async def test_a_lost_position_is_told() -> None:
    with pytest.raises(PositionLostError):
        await since(1, FakePointLog(points("1", ["a"]), points("2", ["b"]), first=3))


def test_other_batches_are_no_points() -> None:
    one = points("1", ["a"])
    assert require_points(one) is one
    with pytest.raises(InvalidMessage, match="model_version"):
        require_points(Batch(batch().descriptor, batch().rows))
