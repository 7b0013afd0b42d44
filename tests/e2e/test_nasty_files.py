"""Whatever lies in the folders: all that can be read is mapped, and the rest is told of."""

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from tests.e2e.local_run import (
    check_coordinates,
    live_run,
    rows,
    run_once,
    wait_for_rows,
    write_source,
)
from tests.soak.files import (
    entry,
    write_oddly_named,
    write_what_is_no_file,
    write_with_huge_line,
)

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
HUGE = 100 << 20


async def test_what_can_be_read_is_mapped_and_the_rest_is_named(tmp_path: Path) -> None:
    folder, output = tmp_path / "r", tmp_path / "out"
    folder.mkdir()
    odd = write_oddly_named(folder)
    write_what_is_no_file(folder)
    write_with_huge_line(folder / "huge.jsonl", HUGE)
    write_source(folder / "plain.jsonl", 3, "somebody")

    finished = await run_once(folder, output)

    assert finished.code == 3, finished.text
    assert finished.summary["records"] == {
        "seen": odd + 3 + 3, "mapped": odd + 3 + 2, "dead": 1, "in_flight": 0,
    }  # fmt: skip
    assert finished.summary["sources"]["completed"] == odd + 2
    assert finished.summary["sources"]["incomplete"] == 2
    assert "huge.jsonl:2" in finished.text
    found = rows(output)
    assert len({row["filename"] for row in found}) == odd + 2
    assert len({row["id"] for row in found}) == len(found)
    assert {"\\xff\\xfe.jsonl", "\\x5cxff\\x5cxfe.jsonl", "new\nline.jsonl"} <= {
        row["filename"] for row in found
    }
    again = await run_once(folder, output)
    assert rows(output) == found
    assert again.summary["records"] == finished.summary["records"]
    check_coordinates(output)


async def test_files_and_folders_that_change_while_they_are_read(tmp_path: Path) -> None:
    """Growing, cut short, replaced, gone, and back again: the end is what the files then say."""
    folder, output = tmp_path / "runs", tmp_path / "out"
    write_source(folder / "start.jsonl", 2, "somebody")
    async with live_run(folder, output) as run:
        await wait_for_rows(output, lambda found: len(found) == 2)
        for number in range(6):
            write_source(folder / f"grows-{number}.jsonl", 3000, "somebody")
            write_source(folder / f"gone-{number}" / "a.jsonl", 3000, "somebody")
            write_source(folder / f"cut-{number}.jsonl", 3000, "somebody")
            write_source(folder / f"replaced-{number}.jsonl", 3000, "somebody")
            await asyncio.sleep(0.3 * number)  # so that each is met at another moment
            with (folder / f"grows-{number}.jsonl").open("a") as file:
                file.write(entry(9000, "late"))
                file.flush()
                file.write(entry(9001, "later", final_answer="done"))
            shutil.rmtree(folder / f"gone-{number}")
            os.truncate(folder / f"cut-{number}.jsonl", 1000)
            write_source(folder / f"replaced-{number}.jsonl", 4, "somebody else")
        for number in range(6):
            write_source(folder / f"gone-{number}" / "a.jsonl", 5, "somebody")
            write_source(folder / f"cut-{number}.jsonl", 6, "somebody")
        wanted = 2 + 6 * (3002 + 5 + 6 + 4)
        await wait_for_rows(
            output,
            lambda found: (
                len(found) == wanted
                and sum(row["text"].startswith("somebody else") for row in found) == 6 * 4
            ),
        )
        assert await run.stop() == 0

    finished = await run_once(folder, output)
    assert finished.code == 0, finished.text
    found = rows(output)
    assert len(found) == wanted
    assert len({row["id"] for row in found}) == wanted
    check_coordinates(output)
