import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from services.embedding.adapters import sqlite_vector_cache as module
from services.embedding.adapters.sqlite_vector_cache import FILENAME, SqliteVectorCache
from shared.embedded_text import digest_of
from tests.fakes.clock import FrozenClock

MIB = 1 << 20
SPACE = "a space"


@asynccontextmanager
async def opened(
    folder: Path, most_bytes: int = MIB, clock: FrozenClock | None = None
) -> AsyncIterator[SqliteVectorCache]:
    async with SqliteVectorCache.open(folder, most_bytes, clock=clock or FrozenClock()) as cache:
        assert cache is not None
        yield cache


def vector(*numbers: float) -> NDArray[np.float32]:
    return np.array(numbers, dtype=np.float32)


def stored(folder: Path, query: str, *values: object) -> list[tuple[Any, ...]]:
    with sqlite3.connect(folder / FILENAME) as db:
        return db.execute(query, values).fetchall()


async def begun(cache: SqliteVectorCache) -> int:
    generation = await cache.begin(SPACE, vector(1))
    assert generation is not None
    return generation


async def test_what_is_kept_is_there_to_the_bit_for_whoever_opens_it(tmp_path: Path) -> None:
    told = {"a": vector(0.1, -2e-38), "été": vector(3), "": vector(np.inf)}
    async with opened(tmp_path) as cache, opened(tmp_path) as other:
        generation = await begun(cache)

        await cache.put(generation, told)

        found = await other.get(generation, [*told, "unknown"])
    assert {text: one.tobytes() for text, one in found.items()} == {
        text: one.tobytes() for text, one in told.items()
    }


async def test_generations_are_apart(tmp_path: Path) -> None:
    async with opened(tmp_path) as cache:
        old, new = await begun(cache), await begun(cache)
        await cache.put(old, {"a": vector(1)})

        assert await cache.get(new, ["a"]) == {}
        assert [one.number for one in await cache.generations(SPACE)] == [new, old]
        assert await cache.generations("another space") == []


async def test_of_a_server_that_never_gives_the_same_only_some_generations_are_known(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as cache:
        made = [await begun(cache) for _ in range(module.MOST_GENERATIONS + 3)]

        known = [one.number for one in await cache.generations(SPACE)]
    assert known == made[:2:-1]


async def test_a_text_itself_is_not_kept(tmp_path: Path) -> None:
    async with opened(tmp_path) as cache:
        await cache.put(await begun(cache), {"a secret text": vector(1)})

    held = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"a secret text" not in held


async def test_a_damaged_vector_is_missing(tmp_path: Path) -> None:
    async with opened(tmp_path) as cache:
        generation = await begun(cache)
        await cache.put(generation, {"a": vector(1, 2), "b": vector(3, 4)})
        key = digest_of("a")

        stored(tmp_path, "UPDATE vectors SET vector = x'0000803f00004040' WHERE text = ?", key)

        assert [*await cache.get(generation, ["a", "b"])] == ["b"]


async def test_it_has_its_bytes_and_what_was_not_used_for_longest_goes(tmp_path: Path) -> None:
    clock, most = FrozenClock(), 1 << 20
    wide = np.zeros(2048, dtype=np.float32)
    async with opened(tmp_path, most, clock) as cache:
        generation = await begun(cache)
        await cache.put(generation, {"is used": wide, "is not": wide})
        for number in range(100):
            clock.advance(3600)
            await cache.put(generation, {f"{number} {part}": wide for part in range(8)})
            assert await cache.get(generation, ["is used"])

        assert await cache.get(generation, ["is not"]) == {}
        assert await cache.get(generation, ["99 0"])
    size = (tmp_path / FILENAME).stat().st_size
    assert size < most + 200 * wide.nbytes  # the last batch, and what goes at a time
    (rows,) = stored(tmp_path, "SELECT count(*) FROM vectors")
    assert most // (2 * wide.nbytes) < rows[0] < most // wide.nbytes


async def test_a_file_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / FILENAME).write_bytes(b"something else, and more than a page of it" * 200)
    before = (tmp_path / FILENAME).read_bytes()

    async with SqliteVectorCache.open(tmp_path, MIB, clock=FrozenClock()) as cache:
        assert cache is None

    assert (tmp_path / FILENAME).read_bytes() == before


@pytest.mark.parametrize("statement", ["DROP TABLE vectors", "DROP TABLE generations"])
async def test_what_fails_costs_the_vectors_and_nothing_else(
    tmp_path: Path, statement: str
) -> None:
    async with opened(tmp_path) as cache:
        generation = await begun(cache)
        stored(tmp_path, statement)

        await cache.put(generation, {"a": vector(1)})
        await cache.get(generation, ["a"])
        known = [one.number for one in await cache.generations(SPACE)]
        begun_anew = await cache.begin(SPACE, vector(2))

    is_without = "generations" in statement
    assert (known, begun_anew is None) == ([] if is_without else [generation], is_without)
