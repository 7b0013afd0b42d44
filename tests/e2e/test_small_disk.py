"""A run on a disk that has little room, which becomes less; a real one, in memory."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.local_run import expected_records, rows, run_once, write_source

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(900),
    pytest.mark.skipif(os.getuid() != 0, reason="only root may mount"),
]
MB = 10**6


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={700 * MB}", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting is not allowed here")
    yield folder
    umount = ["umount", str(folder)]
    subprocess.run(umount, check=True)


def leave(disk: Path, size: int) -> None:
    """Fill the disk but for so many bytes."""
    system = os.statvfs(disk)
    with (disk / "filler").open("ab") as file:
        os.posix_fallocate(file.fileno(), 0, system.f_bavail * system.f_frsize - size)


async def test_a_run_takes_what_there_is_and_says_how_much_is_missing(
    disk: Path, tmp_path: Path
) -> None:
    logs, output = tmp_path / "logs", disk / "out"
    write_source(logs / "a.jsonl", 3, "agent")

    first = await run_once(logs, output)
    leave(disk, 100 * MB)
    write_source(logs / "b.jsonl", 3, "agent")
    second = await run_once(logs, output)
    third = await run_once(logs, disk / "another")

    assert (first.code, second.code, third.code) == (0, 0, 2), second.text
    assert {one["id"] for one in rows(output)} == set(expected_records(logs))
    assert "GB free on its disk; needed: 0.50 GB; make room" in third.text
    assert len(third.text.strip().splitlines()) == 1
