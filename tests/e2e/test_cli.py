"""The terminal from the outside: what a newcomer types, with real services behind it."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from shared.services import STAGES
from tests.e2e.local_run import live_run, rows, run_once, wait_for_rows, write_source
from tests.e2e.test_deleted_collections import everything

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
RECORDS = 20


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    write_source(tmp_path / "runs" / "a.jsonl", RECORDS // 2, "somebody")
    write_source(tmp_path / "runs" / "b.jsonl", RECORDS // 2, "somebody else")
    return tmp_path / "runs"


async def mapstream(*words: str, cwd: Path | None = None) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *(str(Path(sys.executable).parent / "mapstream"), *words),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, cwd=cwd,
    )  # fmt: skip
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


def open_to_others(folder: Path) -> list[Path]:
    """List the files and folders that others may read or write: by default, there are none."""
    found = []
    for one in (folder, *everything(folder)):
        with suppress(FileNotFoundError):  # it has just gone: a run is at work
            found += [one] if one.lstat().st_mode & 0o077 else []
    return found


async def test_looking_at_a_run_changing_it_and_stopping_it(sources: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    where = ("--output", str(output))
    async with live_run(sources, output) as run:
        await run.settled(RECORDS)

        code, out, _ = await mapstream("status", "--json", *where)
        told = json.loads(out)
        assert code == 0
        assert [one["state"] for one in told["stages"].values()] == ["running"] * 4
        assert told["records"]["mapped"] == RECORDS
        assert [one for one in open_to_others(output) if one != output] == []
        before = told["model"]["version"]

        code, out, _ = await mapstream("refit", "--dry-run", "--json", *where)
        assert (code, json.loads(out)["outcome"]) == (0, "previewed")

        code, out, _ = await mapstream("refit", "--json", *where)
        answer = json.loads(out)
        assert (code, answer["outcome"]) == (0, "updated")
        assert answer["event"]["model"]["version"] == before + 1
        assert answer["published"]["model_version"] >= before + 1

        code, out, _ = await mapstream("rollback", *where)
        assert code == 0
        assert f"model {before + 2} is current" in out

        code, out, _ = await mapstream("rollback", "--to", "99", "--json", *where)
        assert (code, json.loads(out)["outcome"]) == (5, "rejected")

        code, out, _ = await mapstream("forget", "a.jsonl", *where)
        assert (code, "forgotten" in out) == (0, True)
        await wait_for_rows(
            output, lambda found: {row["filename"] for row in found} == {"b.jsonl"}
        )

        assert await run.stop() == 0
    for stage in STAGES:
        assert "service.stopped" in (output / "state" / "logs" / f"{stage}.log").read_text()

    code, _, err = await mapstream("status", *where)
    assert code == 1
    assert "no run is at work" in err


async def test_a_run_can_be_started_from_a_folder_with_modules_of_the_same_names(
    sources: Path, tmp_path: Path
) -> None:
    """Our packages have plain names; a user's file must not be imported in their place."""
    (tmp_path / "shared.py").write_text("raise SystemExit('the wrong one')")
    (tmp_path / "services").mkdir()

    code, out, err = await mapstream("run", str(sources), "--once", "--json", cwd=tmp_path)

    assert code == 0, err
    assert json.loads(out)["records"]["mapped"] == RECORDS
    assert len(rows(tmp_path / "mapstream-out")) == RECORDS


async def test_what_is_not_at_its_end_is_named_and_nothing_mapped_is_code_6(
    tmp_path: Path,
) -> None:
    sources, output = tmp_path / "runs", tmp_path / "out"
    sources.mkdir()
    (sources / "going-on.jsonl").write_text('{"iteration": 1, "response": "so far"}\n')
    (sources / "empty.jsonl").touch()
    (sources / "other.jsonl").write_text("a plain log, no JSON\n")

    dry_code, dry, _ = await mapstream("run", str(sources), "--output", str(output), "--dry-run")
    finished = await run_once(sources, output)

    reasons = {"going-on": "has no final_answer", "empty": "holds no line", "other": "of another"}
    assert (dry_code, finished.code) == (6, 6)
    for name, words in reasons.items():
        for text in (dry, finished.text):
            (line,) = (one for one in text.splitlines() if f"incomplete: {name}.jsonl" in one)
            assert words in line
            assert "since 20" in line
    assert "nothing is mapped: every source is incomplete" in finished.text
    assert {one["why"] for one in finished.summary["incomplete"]} == {
        "no_final_answer", "empty", "no_json_at_end",
    }  # fmt: skip


async def test_a_log_of_another_writer_at_its_end_is_no_silent_empty_map(tmp_path: Path) -> None:
    sources, output = tmp_path / "runs", tmp_path / "out"
    sources.mkdir()
    (sources / "other.jsonl").write_text('{"step": 1, "text": "so"}\n{"final_answer": "x"}\n')

    dry_code, dry, _ = await mapstream("run", str(sources), "--output", str(output), "--dry-run")
    finished = await run_once(sources, output)

    assert (dry_code, finished.code) == (6, 6)
    for text in (dry, finished.text):
        assert "what is at its end holds no record" in text


@asynccontextmanager
async def killed_run(sources: Path, output: Path) -> AsyncIterator[None]:
    async with live_run(sources, output) as run:
        await wait_for_rows(output, lambda found: len(found) > 0)
        os.kill(run.process.pid, signal.SIGKILL)
        await run.process.wait()
        yield


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of a death")
async def test_a_run_that_was_killed_leaves_nothing_behind_that_disturbs_the_next(
    sources: Path, tmp_path: Path
) -> None:
    """The services would go on working beside the next run's, on the same state."""
    output = tmp_path / "out"
    async with killed_run(sources, output):
        finished = await run_once(sources, output)

    assert finished.code == 0, finished.text
    assert finished.summary["records"] == {
        "seen": RECORDS, "mapped": RECORDS, "dead": 0, "in_flight": 0,
    }  # fmt: skip
    assert len(rows(output)) == RECORDS
