"""``mapstream verify --repair``: damage done by hand is mended, at once or by a run."""

import asyncio
import os
import shutil
import signal
import sys
from pathlib import Path

import pytest

from services.cli.commands import verify
from shared.errors import ConfigurationError
from shared.failpoints import VARIABLE, Failpoint
from shared.locking import own_at_once
from tests.e2e.damages import (
    Damage,
    Made,
    bring_files_of_yesterday,
    bring_one_file_of_yesterday,
    bring_state_of_yesterday,
    change_archived_model,
    change_text,
    change_vector,
    doubt_a_batch,
    edit_moments,
    first_row,
    lose_model,
    lose_state,
    lose_what_is_staged,
    make_map,
    miss_what_was_settled,
    remove_batch_id,
    remove_ledger_row,
    remove_row,
    repeat_row,
    stage_what_is_over,
    verified,
)
from tests.e2e.local_run import check_coordinates, expected_records, rows, run_once

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

AT_ONCE: tuple[Damage, ...] = (
    repeat_row,
    edit_moments,
    lose_model,
    bring_files_of_yesterday,
    bring_one_file_of_yesterday,
    remove_batch_id,
    doubt_a_batch,
    miss_what_was_settled,
    stage_what_is_over,
    change_archived_model,
)
WHEN_IT_RUNS: tuple[Damage, ...] = (
    remove_row,
    change_vector,
    change_text,
    remove_ledger_row,
    bring_state_of_yesterday,
    lose_state,
    lose_what_is_staged,
)

SLOW = (change_vector, change_text, remove_ledger_row, lose_state)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make_map(tmp_path_factory.mktemp("repair"))


@pytest.fixture
def output(made: Made, tmp_path: Path) -> Path:
    shutil.copytree(made.today, tmp_path / "out")
    return tmp_path / "out"


def check_rows(made: Made, output: Path) -> None:
    """Every record of the sources is there once, with its text, where the model puts it."""
    found = [(row["id"], row["text"]) for row in rows(output)]
    assert len(found) == len(dict(found))
    assert dict(found) == expected_records(made.sources)
    check_coordinates(output)


@pytest.mark.parametrize("damage", AT_ONCE, ids=lambda one: one.__name__)
async def test_it_is_mended_at_once(
    damage: Damage, made: Made, output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damage(output, made.yesterday)

    code, told = await verified(output, capsys, is_repair=True)

    assert (code, told["differences"], told["by_hand"]) == (verify.EQUAL, [], [])
    assert told["repaired"]
    check_rows(made, output)


@pytest.mark.parametrize(
    "damage",
    [pytest.param(one, marks=pytest.mark.slow if one in SLOW else ()) for one in WHEN_IT_RUNS],
    ids=lambda one: one.__name__,
)
async def test_it_is_mended_when_the_system_runs(
    damage: Damage, made: Made, output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await asyncio.to_thread(damage, output, made.yesterday)

    code, told = await verified(output, capsys, is_repair=True)
    assert (code, told["differences"], told["by_hand"]) == (verify.NOT_AT_REST, [], [])
    assert "when it runs" in "".join(told["repaired"])
    await run_once(made.sources, output)

    code, told = await verified(output, capsys)
    assert (code, told["differences"]) == (verify.EQUAL, [])
    check_rows(made, output)


async def test_a_repair_goes_on_wherever_it_was_killed(
    made: Made, output: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for damage in (repeat_row, stage_what_is_over, edit_moments, change_archived_model):
        damage(output, made.yesterday)
    cuts = tmp_path / "cuts"
    cuts.mkdir()
    killed = 0
    while True:
        (cuts / Failpoint.MENDED).touch()
        if await mend(output, cuts) != -signal.SIGKILL:
            break
        killed += 1

    code, told = await verified(output, capsys)

    assert killed >= 4
    assert (code, told["differences"]) == (verify.EQUAL, [])
    check_rows(made, output)


async def mend(output: Path, cuts: Path) -> int:
    """Repair in a process of its own; return how that ended."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.cli", "verify", "--repair", "--output", str(output),
        env=os.environ | {VARIABLE: str(cuts)}, stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    return await process.wait()


async def test_a_source_whose_file_is_gone_is_named_until_somebody_decides(
    made: Made, output: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    filename = first_row(output)["filename"][0].as_py()
    remove_row(output, made.yesterday)
    beside = (made.sources / filename).rename(tmp_path / "kept")

    try:
        await verified(output, capsys, is_repair=True)
        await run_once(made.sources, output)
        code, told = await verified(output, capsys, is_repair=True)
    finally:
        beside.rename(made.sources / filename)
    await run_once(made.sources, output)

    assert code == verify.DIFFERENT
    assert {one["source"] for one in told["differences"]} == {filename}
    assert [one for one in told["by_hand"] if f"{filename}: its file is gone" in one]
    assert (await verified(output, capsys))[0] == verify.EQUAL
    check_rows(made, output)


async def test_what_is_sound_is_left_alone(
    made: Made, output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, told = await verified(output, capsys, is_repair=True)

    assert (code, told["repaired"]) == (verify.EQUAL, [])
    check_rows(made, output)


@pytest.mark.parametrize("service", ["discovery", "projection"])
async def test_nothing_is_mended_while_a_service_runs(
    service: str, output: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit_moments(output, output)

    with (
        own_at_once(output / "state" / service, service),
        pytest.raises(ConfigurationError, match=f"{service} still runs"),
    ):
        await verified(output, capsys, is_repair=True)
    assert (await verified(output, capsys))[0] == verify.DIFFERENT
