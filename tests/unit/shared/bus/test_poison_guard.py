"""Two processes are two objects on one folder: what a killed one leaves is its files."""

import os
from pathlib import Path

import pytest
from anyio import to_thread
from nats.aio.client import Client
from nats.aio.msg import Msg

from shared.bus.consuming.poison_guard import KEPT_S, PoisonGuard


def message(sequence: int = 5, deliveries: int = 1, stored_ns: int = 1_700_000_000 * 10**9) -> Msg:
    reply = f"$JS.ACK.DISCOVERY.embedding.{deliveries}.{sequence}.1.{stored_ns}.0"
    return Msg(Client(), "discovery.batch.default", reply, b"")


async def end_with(folder: Path, *raws: Msg) -> None:
    """Have messages in hand and never come to give them back."""
    await to_thread.run_sync(PoisonGuard(folder)._note, raws)


async def test_processes_that_ended_with_a_message_in_hand_are_counted(tmp_path: Path) -> None:
    for _ in range(3):
        await end_with(tmp_path, message())

    assert await PoisonGuard(tmp_path).deaths([message(deliveries=4), message(6, 2)]) == 3


async def test_a_message_that_was_given_back_has_ended_nobody(tmp_path: Path) -> None:
    await end_with(tmp_path, message())
    with pytest.raises(OSError, match="an outage"):
        async with PoisonGuard(tmp_path).taken([message(deliveries=2)]) as deaths:
            raise OSError("an outage")

    assert deaths == 1
    assert await PoisonGuard(tmp_path).deaths([message(deliveries=3)]) == 0
    assert list(tmp_path.iterdir()) == []


async def test_a_process_does_not_count_itself(tmp_path: Path) -> None:
    """It is delivered again to a process that was merely stopped for a while."""
    stopped = PoisonGuard(tmp_path)
    async with stopped.taken([message()]):
        assert await stopped.deaths([message(deliveries=2)]) == 0


async def test_another_message_in_the_same_place_of_a_new_stream_is_another(
    tmp_path: Path,
) -> None:
    await end_with(tmp_path, message())

    assert await PoisonGuard(tmp_path).deaths([message(deliveries=2, stored_ns=10**18)]) == 0


async def test_suspects_are_in_hand_one_after_the_other(tmp_path: Path) -> None:
    await end_with(tmp_path, message(1), message(2))
    service = PoisonGuard(tmp_path)

    async with service.taken([message(1, 2)]):
        assert service._alone.locked()
        async with service.taken([message(3)]) as deaths:
            assert deaths == 0
    assert not service._alone.locked()


async def test_without_a_folder_that_can_be_written_messages_are_handled_all_the_same(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").write_text("")
    for folder in (None, tmp_path / "file" / "folder"):
        await to_thread.run_sync(PoisonGuard(folder)._note, [message()])
        async with PoisonGuard(folder).taken([message(deliveries=2)]) as deaths:
            assert deaths == 0


async def test_what_somebody_else_has_handled_long_ago_is_cleared_away(tmp_path: Path) -> None:
    await end_with(tmp_path, message(1))
    (old,) = tmp_path.iterdir()
    long_ago = old.stat().st_mtime - KEPT_S - 1
    os.utime(old, (long_ago, long_ago))

    async with PoisonGuard(tmp_path).taken([message(2)]):
        assert not old.exists()
    assert list(tmp_path.iterdir()) == []
