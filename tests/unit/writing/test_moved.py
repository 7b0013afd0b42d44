"""A source gets another name: its rows, and nothing else."""

from random import Random
from typing import Any

import pytest

from services.writing.handlers.write import Written
from shared.contracts.batches import Batch
from shared.contracts.moved_from import MovedFrom
from tests.builders import record_id
from tests.unit.writing.scenes import piece, read
from tests.unit.writing.test_staged import Desk, forgets, part, told


def moves(source: str = "b", version: int = 1, before: str = "a", below: int = 2) -> Batch:
    """Build what moves the rows of a source."""
    empty = piece(source, version, rows=0)
    facts: dict[str, Any] = {
        "is_last": True,
        "batch_id": f"{source}@{version}<",
        "moved_from": MovedFrom(
            source_id=before,
            filename=f"{before}.jsonl",
            source_version=below,
            batch_id=f"{before}@{below}-",
        ),
    }
    return Batch(empty.descriptor.model_copy(update=facts), empty.rows)


@pytest.fixture
async def desk() -> Desk:
    """Have a source of two batches on the map."""
    desk = Desk()
    await desk.write(part(version=1, index=0), part(version=1, index=1, rows=3))
    return desk


def expected(name: str = "b.jsonl") -> list[tuple]:
    """Name the rows of the source by hand, as they are under another name."""
    places = [0, 1, 100, 101, 102]
    return sorted((record_id(name, place), name, f"text {place}") for place in places)


async def rows(desk: Desk) -> list[tuple]:
    return await read(desk.store, "id", "filename", "text")


def moved(written: Written) -> list[tuple[str, int]]:
    """Tell what is said of what was moved: the batch of the old name, and how many rows went."""
    found = [one.moved for one in written.settled.batches if one.moved]
    return [(one.batch_id, one.records) for one in found]


def gone(written: Written) -> list[tuple[str, int]]:
    assert written.removed
    return sorted((one.filename, one.below_version) for one in written.removed.sources)


async def test_rows_go_over_with_their_vectors_in_one_commit(desk: Desk) -> None:
    before, vectors = desk.store.version, await read(desk.store, "vector", "text")

    written = await desk.write(moves())

    assert desk.store.version == before + 1
    assert await rows(desk) == expected()
    assert await read(desk.store, "vector", "text") == vectors
    assert desk.retracted == []
    assert moved(written) == [("a@2-", 5)]
    assert told(written) == {"b@1<": ("stored", 0)}
    assert gone(written) == [("a.jsonl", 2)]
    assert sorted(
        (one, name)
        for points in written.points
        for one, name in zip(
            points.rows.column("id").to_pylist(),
            points.rows.column("filename").to_pylist(),
            strict=True,
        )
    ) == [(one, name) for one, name, _ in expected()]


async def test_a_second_delivery_tells_the_same_and_changes_nothing(desk: Desk) -> None:
    await desk.write(moves())
    before = desk.store.version

    again = await desk.write(moves())

    assert desk.store.version == before
    assert await rows(desk) == expected()
    assert moved(again) == [("a@2-", 5)]
    assert gone(again) == [("a.jsonl", 2)]


async def test_a_late_copy_under_the_old_name_takes_nothing_out(desk: Desk) -> None:
    await desk.write(moves())

    written = await desk.write(part(version=1, index=0), moves())

    assert told(written)["a@1#0"] == ("superseded", 0)
    assert desk.retracted == []
    assert await rows(desk) == expected()


async def test_what_the_file_was_moved_over_goes_in_the_same_commit(desk: Desk) -> None:
    await desk.write(part("b", 1, 0))
    before = desk.store.version

    written = await desk.write(moves("b", 2))

    assert desk.store.version == before + 1
    assert await rows(desk) == expected()
    assert desk.retracted == ["b@1#0"]
    assert gone(written) == [("a.jsonl", 2), ("b.jsonl", 2)]


async def test_it_moves_back_and_on(desk: Desk) -> None:
    await desk.write(moves())

    back = await desk.write(moves("a", 3, "b", 2))
    assert await rows(desk) == expected("a.jsonl")
    on = await desk.write(moves("c", 1, "a", 4))

    assert await rows(desk) == expected("c.jsonl")
    assert moved(back) == [("b@2-", 5)]
    assert moved(on) == [("a@4-", 5)]
    assert desk.retracted == []


async def test_late_copies_of_moves_move_nothing(desk: Desk) -> None:
    await desk.write(moves())
    await desk.write(moves("c", 1, "b", 2))

    late = await desk.write(moves())

    assert await rows(desk) == expected("c.jsonl")
    assert moved(late) == [("a@2-", 0)]
    assert desk.retracted == []


async def test_a_late_copy_does_not_take_what_came_under_the_name_since(desk: Desk) -> None:
    """The name was used again, and its file was moved elsewhere."""
    await desk.write(moves())
    await desk.write(part("a", 3, 0, rows=1))

    written = await desk.write(moves(), moves("c", 1, "a", 4))

    assert sorted(moved(written)) == [("a@2-", 5), ("a@4-", 1)]
    assert {name for _, name, _ in await rows(desk)} == {"b.jsonl", "c.jsonl"}
    assert [row for row in await rows(desk) if row[1] == "b.jsonl"] == expected()


async def test_a_late_copy_does_not_keep_what_is_forgotten_of_the_name_since(desk: Desk) -> None:
    await desk.write(moves())
    await desk.write(part("a", 3, 0))

    await desk.write(moves(), forgets("a", 4))

    assert desk.retracted == ["a@3#0"]
    assert await rows(desk) == expected()


@pytest.mark.parametrize("is_together", [True, False])
async def test_rows_of_what_was_forgotten_meanwhile_leave(
    desk: Desk, *, is_together: bool
) -> None:
    if is_together:
        written = await desk.write(forgets("b", 2), moves())
    else:
        await desk.write(forgets("b", 2))
        written = await desk.write(moves())

    assert await rows(desk) == []
    assert sorted(desk.retracted) == ["a@1#0", "a@1#1"]
    assert moved(written) == [("a@2-", 0)]
    assert told(written)["b@1<"] == ("superseded", 0)


async def test_what_is_appended_afterwards_stands_beside_what_was_moved(desk: Desk) -> None:
    await desk.write(moves())

    written = await desk.write(part("b", 1, 2))

    assert told(written) == {"b@1#2": ("stored", 2)}
    assert len(await rows(desk)) == 7


async def test_what_replaces_it_takes_out_what_it_was_counted_as(desk: Desk) -> None:
    await desk.write(moves())

    await desk.write(Batch(part("b", 2).descriptor.model_copy(update={"is_last": True}),
                           part("b", 2).rows))  # fmt: skip

    assert sorted(desk.retracted) == ["a@1#0", "a@1#1"]
    assert len(await rows(desk)) == 2


@pytest.mark.parametrize("seed", range(40))
async def test_any_order_and_repetition_of_a_chain_ends_alike(seed: int) -> None:
    """Each of these was sent when what came before it was told; copies may come whenever."""
    dice, desk = Random(seed), Desk()  # noqa: S311
    chain = [
        [part(version=1, index=0), part(version=1, index=1, rows=3)],
        [moves()],
        [moves("a", 3, "b", 2)],
        [moves("c", 1, "a", 4)],
    ]
    sent: list[Batch] = []
    for step in chain:
        sent += step
        copies = dice.sample(sent, dice.randint(0, len(sent)))
        mixed = [*step, *copies]
        dice.shuffle(mixed)
        for some in (mixed[: dice.randint(0, len(mixed))], mixed):
            if some:
                await desk.write(*some)

    assert await rows(desk) == expected("c.jsonl")
    assert desk.retracted == []
