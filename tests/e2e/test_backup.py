"""A backup that was restored goes on where it was made, as docs/operating.md says."""

import shutil
from pathlib import Path

import pytest

from tests.e2e.local_run import (
    EXAMPLES,
    check_coordinates,
    expected_records,
    rows,
    run_once,
    write_source,
)

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]


@pytest.mark.parametrize("lost", [pytest.param("nothing", marks=pytest.mark.slow), "state/nats"])
async def test_a_restored_backup_goes_on_and_the_map_is_exact(tmp_path: Path, lost: str) -> None:
    """Half of the logs are mapped and backed up; then comes the rest, and the disk is lost."""
    folder, output, backup = tmp_path / "runs", tmp_path / "out", tmp_path / "backup"
    folder.mkdir()
    files = sorted(EXAMPLES.glob("*.jsonl"))
    for file in files[::2]:
        shutil.copy(file, folder)
    assert (await run_once(folder, output)).code == 0
    shutil.copytree(output, backup)
    model = check_coordinates(output)
    for file in files[1::2]:
        shutil.copy(file, folder)
    write_source(folder / "later.jsonl", 40, "later")
    assert (await run_once(folder, output)).code == 0

    shutil.rmtree(output)
    shutil.copytree(backup, output)
    shutil.rmtree(output / lost, ignore_errors=True)
    before = {row["id"]: row["text"] for row in rows(output)}
    done = await run_once(folder, output)

    assert done.code == 0, done.text
    found = rows(output)
    assert {row["id"]: row["text"] for row in found} == expected_records(folder)
    assert len(found) == len(expected_records(folder)) > len(before) > 0
    assert check_coordinates(output).version > model.version


async def test_without_a_backup_the_same_sources_give_the_same_records(tmp_path: Path) -> None:
    first = await run_once(EXAMPLES, tmp_path / "a")
    again = await run_once(EXAMPLES, tmp_path / "b")

    assert (first.code, again.code) == (0, 0)
    told = [
        {row["id"]: (row["text"], row["filename"]) for row in rows(tmp_path / name)}
        for name in ("a", "b")
    ]
    assert told[0] == told[1] != {}
