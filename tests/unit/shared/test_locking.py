import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from shared import locking
from shared.errors import ConfigurationError
from shared.locking import exclusive_owner, own_at_once, shared_owner
from tests.waiting import PATIENCE_S, until

OWNER = """
import asyncio, sys
from pathlib import Path
from shared.locking import exclusive_owner

async def main():
    async with exclusive_owner(Path(sys.argv[1]), on_wait=lambda: print("waiting", flush=True)):
        print("owner", flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""


async def start(folder: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", OWNER, str(folder), stdout=asyncio.subprocess.PIPE
    )


async def next_word(process: asyncio.subprocess.Process) -> str:
    assert process.stdout
    async with asyncio.timeout(PATIENCE_S):
        return (await process.stdout.readline()).decode().strip()


async def test_a_second_process_waits_and_takes_over_from_a_killed_one(tmp_path: Path) -> None:
    first = await start(tmp_path / "state")
    assert await next_word(first) == "owner"
    second = await start(tmp_path / "state")
    assert await next_word(second) == "waiting"
    assert first.pid

    os.kill(first.pid, signal.SIGKILL)
    try:
        assert await next_word(second) == "owner"
    finally:
        second.kill()
        for process in (first, second):
            await process.communicate()


async def test_a_process_that_is_only_stopped_stays_the_owner(tmp_path: Path) -> None:
    first = await start(tmp_path)
    assert await next_word(first) == "owner"
    first.send_signal(signal.SIGSTOP)
    waited: list[bool] = []

    async def own_as_well() -> None:
        async with exclusive_owner(tmp_path, on_wait=lambda: waited.append(True)):
            pytest.fail("two owners")

    owning = asyncio.create_task(own_as_well())
    await until(lambda: waited)
    await asyncio.sleep(0.5)
    assert not owning.done()

    owning.cancel()
    with pytest.raises(asyncio.CancelledError):
        await owning
    first.kill()
    await first.communicate()
    assert waited == [True]


async def test_an_owner_that_leaves_makes_room(tmp_path: Path) -> None:
    for _ in range(2):
        async with exclusive_owner(tmp_path / "a" / "b"):
            pass

    assert (tmp_path / "a" / "b").is_dir()


async def test_a_failure_makes_room_as_well(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError):
        async with exclusive_owner(tmp_path):
            raise RuntimeError
    async with asyncio.timeout(PATIENCE_S), exclusive_owner(tmp_path):
        pass


async def test_folders_are_owned_one_by_one(tmp_path: Path) -> None:
    async with (
        asyncio.timeout(PATIENCE_S),
        exclusive_owner(tmp_path / "a"),
        exclusive_owner(tmp_path / "b"),
    ):
        pass


async def test_what_is_owned_is_told_at_once(tmp_path: Path) -> None:
    with own_at_once(tmp_path / "new", "writing"):
        pass

    async with exclusive_owner(tmp_path):
        with pytest.raises(ConfigurationError, match="writing still runs"):
            own_at_once(tmp_path, "writing").__enter__()
    with (
        own_at_once(tmp_path, "writing"),
        pytest.raises(ConfigurationError),
        own_at_once(tmp_path, "writing"),
    ):
        pass


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(ConfigurationError, match="cannot be written"):
        own_at_once(tmp_path / "file" / "below", "writing").__enter__()


async def test_those_of_one_machine_share_a_folder_and_keep_out_who_wants_it_alone(
    tmp_path: Path,
) -> None:
    async with shared_owner(tmp_path), shared_owner(tmp_path):
        with pytest.raises(ConfigurationError, match="still runs"), own_at_once(tmp_path, "it"):
            pass

    with own_at_once(tmp_path, "it"):
        waited: list[bool] = []
        waiting = asyncio.ensure_future(shared(tmp_path, waited))
        await until(lambda: waited)
        assert not waiting.done()
    await waiting


async def test_those_of_another_machine_wait_until_the_folder_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[bool] = []
    async with shared_owner(tmp_path):
        monkeypatch.setattr(locking, "BOOT", Path("/proc/version"))
        waiting = asyncio.ensure_future(shared(tmp_path, waited))
        await until(lambda: waited)
        await asyncio.sleep(2 * locking.POLL_S)
        assert not waiting.done()
    await waiting

    async with shared_owner(tmp_path), shared_owner(tmp_path):
        pass


async def shared(folder: Path, waited: list[bool]) -> None:
    async with shared_owner(folder, on_wait=lambda: waited.append(True)):
        pass
