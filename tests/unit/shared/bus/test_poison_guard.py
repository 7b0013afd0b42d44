"""Two processes are two objects on one folder: what a killed one leaves is its file."""

import asyncio
import errno
import fcntl
import gc
import os
import resource
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from structlog.testing import capture_logs

from shared.bus.consuming.in_hand_notes import (
    KEPT_S,
    NEW_S,
    NOTES_AT_FIRST,
    NOTHING,
    SOMETHING,
    note_of,
    read_notes,
)
from shared.bus.consuming.poison_guard import PoisonGuard
from shared.waits import WAITS, begin_work, elsewhere, pause
from tests.waiting import until


def message(sequence: int = 5, deliveries: int = 1, stored_ns: int = 1_700_000_000 * 10**9) -> Msg:
    reply = f"$JS.ACK.DISCOVERY.embedding.{deliveries}.{sequence}.1.{stored_ns}.0"
    return Msg(Client(), "discovery.batch.default", reply, b"")


def end_with(folder: Path, *raws: Msg) -> None:
    """Have messages in hand and never come to give them back."""
    own = PoisonGuard(folder)._prepare()
    assert own
    own.write(map(note_of, raws))
    del own
    gc.collect()  # as the operating system does, it closes the file


async def test_processes_that_ended_with_a_message_in_hand_are_counted(tmp_path: Path) -> None:
    for _ in range(3):
        end_with(tmp_path, message())

    assert await PoisonGuard(tmp_path).deaths([message(deliveries=4), message(6, 2)]) == 3


async def test_a_death_with_others_in_hand_makes_them_suspect_and_blames_none(
    tmp_path: Path,
) -> None:
    for _ in range(3):
        end_with(tmp_path, message(1), message(2))
    guard = PoisonGuard(tmp_path)

    assert await guard.deaths([message(1, 2)]) == await guard.deaths([message(2, 2)]) == 0
    assert await guard.deaths([message(3, 2)]) is None


async def test_to_acquit_a_message_does_not_blame_the_one_beside_it(tmp_path: Path) -> None:
    end_with(tmp_path, message(1), message(2))
    guard = PoisonGuard(tmp_path)
    async with guard.taken([message(1, 2)]):
        pass

    assert await guard.deaths([message(1, 3)]) is None
    assert await guard.deaths([message(2, 2)]) == 0


async def test_what_only_waits_for_somebody_else_is_not_noted(tmp_path: Path) -> None:
    """Processes may be killed during an outage; with five of them a sound batch was dead."""
    guard = PoisonGuard(tmp_path)
    seen = []
    begin_work()
    async with guard.taken([message(1), message(2)]):
        with WAITS.trying("a server") as trial:
            seen.append(len(notes(tmp_path)))
            with elsewhere():
                seen.append(len(notes(tmp_path)))
            seen.append(len(notes(tmp_path)))
            trial.failed("away")
            seen.append(len(notes(tmp_path)))
        seen.append(len(notes(tmp_path)))
        pausing = asyncio.ensure_future(pause(600))
        await until(lambda: not notes(tmp_path))
        pausing.cancel()
        await until(pausing.done)
        seen.append(len(notes(tmp_path)))

    assert seen == [2, 0, 2, 0, 2, 2]
    assert notes(tmp_path) == set()


async def test_what_has_a_part_that_does_not_wait_is_noted(tmp_path: Path) -> None:
    begin_work()
    async with PoisonGuard(tmp_path).taken([message(1)]):
        pausing = asyncio.ensure_future(pause(600))
        await until(lambda: not notes(tmp_path))
        with WAITS.trying("a server"):
            noted = notes(tmp_path)
            pausing.cancel()

    assert noted == {note_of(message(1))}


async def test_a_message_that_was_given_back_has_ended_nobody(tmp_path: Path) -> None:
    end_with(tmp_path, message())
    with pytest.raises(OSError, match="an outage"):
        async with PoisonGuard(tmp_path).taken([message(deliveries=2)]) as deaths:
            raise OSError("an outage")

    assert deaths == 1
    assert await PoisonGuard(tmp_path).deaths([message(deliveries=3)]) is None
    assert notes(tmp_path) == set()


@pytest.mark.parametrize("can_lock", [True, False])
async def test_a_process_does_not_count_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, can_lock: bool
) -> None:
    """It is delivered again to a process that was merely stopped for a while."""
    if not can_lock:
        monkeypatch.setattr(fcntl, "flock", no_locks)
    stopped = PoisonGuard(tmp_path)
    async with stopped.taken([message()]):
        assert await stopped.deaths([message(deliveries=2)]) is None


def no_locks(*_: object) -> None:
    raise OSError(errno.ENOLCK, "no locks on this file system")


async def test_what_a_living_process_has_in_hand_has_ended_nobody(tmp_path: Path) -> None:
    """Another one gets it when the bus has not heard of the first for a while."""
    async with PoisonGuard(tmp_path).taken([message()]):
        async with PoisonGuard(tmp_path).taken([message(deliveries=2)]) as deaths:
            assert deaths == 0
        assert notes(tmp_path) == {note_of(message())}


async def test_another_message_in_the_same_place_of_a_new_stream_is_another(
    tmp_path: Path,
) -> None:
    end_with(tmp_path, message())

    assert await PoisonGuard(tmp_path).deaths([message(deliveries=2, stored_ns=10**18)]) is None


async def test_a_suspect_is_in_hand_alone(tmp_path: Path) -> None:
    end_with(tmp_path, message(1), message(2))
    guard = PoisonGuard(tmp_path)
    order: list[int] = []
    gates = {number: asyncio.Event() for number in range(5)}

    async def handle(number: int, deliveries: int = 1) -> None:
        async with guard.taken([message(number, deliveries)]):
            order.append(number)
            assert notes(tmp_path) >= {note_of(message(number))}
            await gates[number].wait()

    async with asyncio.TaskGroup() as group:
        group.create_task(handle(3))
        await until(lambda: order == [3])
        for number in (1, 2):
            group.create_task(handle(number, 2))
        await until(lambda: guard._due == 2)
        group.create_task(handle(4))
        await everybody_had_a_turn()
        assert order == [3]
        gates[3].set()
        await until(lambda: len(order) == 2)
        await everybody_had_a_turn()
        assert len(guard._active) == 1
        for number in (1, 2):
            gates[number].set()
        await until(lambda: len(order) == 4)
        gates[4].set()

    assert (order[0], sorted(order[1:3]), order[3]) == (3, [1, 2], 4)


async def everybody_had_a_turn() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_suspect_that_waits_for_somebody_else_holds_up_nobody(tmp_path: Path) -> None:
    end_with(tmp_path, message(1))
    guard = PoisonGuard(tmp_path)

    async def wait_for_a_server() -> None:
        begin_work()
        async with guard.taken([message(1, 2)]):
            await pause(600)

    waiting = asyncio.ensure_future(wait_for_a_server())
    try:
        await until(lambda: guard._own is not None and not guard._active)
        async with guard.taken([message(2)]) as deaths:
            assert deaths == 0
    finally:
        waiting.cancel()


async def test_a_suspect_does_not_wait_for_ever_to_be_alone(tmp_path: Path) -> None:
    end_with(tmp_path, message(1))
    guard = PoisonGuard(tmp_path, patience_s=0)
    async with guard.taken([message(2)]), guard.taken([message(1, 2)]) as deaths:
        assert deaths == 1


async def test_more_messages_can_be_in_hand_than_there_was_room_for(tmp_path: Path) -> None:
    many = [message(number) for number in range(2 * NOTES_AT_FIRST)]
    service = PoisonGuard(tmp_path)
    for _ in range(2):
        async with service.taken(many[:3]), service.taken(many[3:]):
            assert notes(tmp_path) == set(map(note_of, many))
        assert notes(tmp_path) == set()
    (file,) = tmp_path.iterdir()

    assert len(read_notes(file)) == len(many)


async def test_what_another_has_in_hand_beside_an_acquitted_one_stays(tmp_path: Path) -> None:
    end_with(tmp_path, message(1), message(2))

    async with PoisonGuard(tmp_path).taken([message(1, 2)]):
        pass

    assert notes(tmp_path) == {note_of(message(2))}


async def test_without_a_folder_that_can_be_written_messages_are_handled_all_the_same(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").write_text("")
    for folder in (None, tmp_path / "file" / "folder"):
        guard = PoisonGuard(folder)
        for _ in range(2):
            async with guard.taken([message(deliveries=2)]) as deaths:
                assert deaths == 0


async def test_on_a_full_disk_nothing_is_noted_until_there_is_room_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, elsewhere = tmp_path / "in-hand", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    (elsewhere / "file").write_bytes(note_of(message()))
    end_with(folder, message())
    guard = PoisonGuard(folder)

    async with AsyncExitStack() as stack:
        with capture_logs() as logged, no_room():  # the log, too, may be a file
            assert await stack.enter_async_context(guard.taken([message(deliveries=2)])) == 1
        assert notes(folder) == {note_of(message())}
        assert [one["event"] for one in logged] == ["poison_guard.not_noted"]
        assert len(list(folder.iterdir())) == 1
    assert notes(folder) == set()
    async with guard.taken([message(7)]):
        assert notes(folder) == {note_of(message(7))}
    assert (elsewhere / "file").read_bytes() == note_of(message())


@contextmanager
def no_room() -> Iterator[None]:
    """Let no file grow, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_files_that_tell_nothing_any_more_are_cleared_away(tmp_path: Path) -> None:
    end_with(tmp_path, message(1))
    (long_ago,) = tmp_path.iterdir()
    end_with(tmp_path)
    (empty,) = set(tmp_path.iterdir()) - {long_ago}
    end_with(tmp_path, message(2))
    (telling,) = set(tmp_path.iterdir()) - {long_ago, empty}
    living = PoisonGuard(tmp_path)
    async with living.taken([message(3)]):
        pass
    (open_,) = set(tmp_path.iterdir()) - {long_ago, empty, telling}
    age(long_ago, KEPT_S)
    for file in (empty, telling, open_):
        age(file, NEW_S)

    async with PoisonGuard(tmp_path).taken([message(4)]):
        (own,) = set(tmp_path.iterdir()) - {telling, open_}

    assert not {long_ago, empty} & {own}
    assert set(tmp_path.iterdir()) == {telling, open_, own}


def age(file: Path, seconds: float) -> None:
    then = file.stat().st_mtime - seconds - 1
    os.utime(file, (then, then))


def notes(folder: Path) -> set[bytes]:
    return {note for file in folder.iterdir() for note in read_notes(file)} - {NOTHING, SOMETHING}
