import asyncio
from pathlib import Path

import pytest

from services.embedding.adapters.answer_memory import (
    LEAST,
    AnswerMemory,
    cgroup_limits,
    memory_for_answers,
)
from tests.waiting import PATIENCE_S

MIB = 1 << 20


async def test_together_no_more_is_taken_than_there_is_and_everybody_gets_a_turn() -> None:
    memory = AnswerMemory(10 * MIB)
    held, most, served = 0, 0, 0

    async def take(wanted: int) -> None:
        nonlocal held, most, served
        async with memory.taken(wanted) as granted:
            held += granted
            most = max(most, held)
            await asyncio.sleep(0)
            held -= granted
            served += 1

    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
        for number in range(60):
            group.create_task(take((number % 15 + 1) * MIB))

    assert (served, held) == (60, 0)
    assert 5 * MIB < most <= 10 * MIB


async def test_who_wants_more_than_there_is_gets_all_of_it() -> None:
    async with AnswerMemory(3 * MIB).taken(1 << 40) as granted:
        assert granted == 3 * MIB


async def test_what_a_cancelled_request_had_or_waited_for_is_free_again() -> None:
    memory = AnswerMemory(2 * MIB)
    begun = asyncio.Event()

    async def hold() -> None:
        async with memory.taken(2 * MIB):
            begun.set()
            await asyncio.Event().wait()

    tasks = [asyncio.ensure_future(hold()) for _ in range(3)]
    await begun.wait()
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)

    async with asyncio.timeout(PATIENCE_S), memory.taken(2 * MIB) as granted:
        assert granted == 2 * MIB


def group_files(root: Path, limits: dict[str, str], file: str) -> None:
    for name, limit in limits.items():
        (root / name).mkdir(parents=True, exist_ok=True)
        (root / name / file).write_text(limit + "\n")


@pytest.mark.parametrize(
    ("own", "limits", "file", "found"),
    [
        ("0::/a/b", {"a": "300", "a/b": "max"}, "memory.max", [300]),
        ("0::/a/b", {"": "900", "a": "300", "a/b": "500"}, "memory.max", [500, 300, 900]),
        ("0::/outside/of/the/container", {"": "700"}, "memory.max", [700]),
        (
            "3:cpu,memory:/x\n2:pids:/y",
            {"memory/x": "44", "memory": "9223372036854771712"},
            "memory.limit_in_bytes",
            [44, 9223372036854771712],
        ),
        ("", {}, "memory.max", []),
    ],
)
def test_the_limits_of_control_groups_are_found(
    tmp_path: Path, own: str, limits: dict[str, str], file: str, found: list[int]
) -> None:
    (tmp_path / "own").write_text(own)
    group_files(tmp_path / "root", limits, file)

    assert list(cgroup_limits(tmp_path / "own", tmp_path / "root")) == found


def test_where_nothing_is_known_of_groups_there_is_no_limit(tmp_path: Path) -> None:
    assert list(cgroup_limits(tmp_path / "none", tmp_path)) == []


def test_a_quarter_of_what_is_free_is_a_good_deal_here() -> None:
    assert memory_for_answers() > LEAST
