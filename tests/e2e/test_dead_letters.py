"""Dead letters from the shell: found, looked at, mended, replayed and dropped."""

import asyncio
import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.local_run import (
    PATIENCE_S,
    check_coordinates,
    live_run,
    rows,
    run_once,
    wait_for_rows,
)
from tests.fakes.embedder import FakeEmbedder
from tests.fakes.embedding_server import EmbeddingServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
BAD = "a text that the server refuses"
TORN = '{"type": "iteration", "itera'


def write_logs(path: Path) -> None:
    lines = [
        json.dumps({"type": "iteration", "iteration": number, "response": text})
        for number, text in enumerate(["one", BAD, "three", "four", "five"])
    ]
    lines.insert(2, TORN)
    path.parent.mkdir()
    path.write_text("\n".join([*lines, json.dumps({"final_answer": "done"}), ""]))


async def mapstream(output: Path, *words: str) -> tuple[int, dict[str, Any]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.cli", *words, "--output", str(output), "--json",
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await process.communicate()
    return process.returncode or 0, json.loads(out) if out.strip() else {}


async def ledger_when(gateway: str, is_it: Any) -> dict[str, int]:
    async with (
        asyncio.timeout(PATIENCE_S),
        httpx.AsyncClient(base_url=gateway, timeout=PATIENCE_S) as http,
    ):
        while True:
            with suppress(httpx.TransportError):
                answer = await http.get("/sources")
                if answer.status_code == 200 and is_it(answer.json()["records"]):
                    return answer.json()["records"]
            await asyncio.sleep(0.1)


async def test_a_record_that_died_is_mapped_after_a_fix_and_a_torn_line_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, output = tmp_path / "runs", tmp_path / "out"
    write_logs(folder / "a.jsonl")
    mind = FakeEmbedder(poison=[BAD])
    async with EmbeddingServer(mind).running() as url:
        monkeypatch.setenv("MAPSTREAM_EMBEDDING__URL", url)
        async with live_run(folder, output) as run:
            before = await ledger_when(run.gateway, lambda told: told["dead"] == 2)
            _, page = await mapstream(output, "dead", "list")
            letters = {one["stage"]: one for one in page["items"]}
            shown = [
                (await mapstream(output, "dead", "show", str(letters[stage]["sequence"])))[1]
                for stage in ("discovery", "embedding")
            ]
            early = await mapstream(output, "dead", "replay", "--stage", "discovery")

            mind.poison.clear()
            embedding = str(letters["embedding"]["sequence"])
            replayed = await mapstream(output, "dead", "replay", embedding)
            await wait_for_rows(output, lambda found: len(found) == 5)
            after = await ledger_when(run.gateway, lambda told: told["mapped"] == 5)
            _, left = await mapstream(output, "dead", "list")
            torn = str(letters["discovery"]["sequence"])
            dropped = await mapstream(output, "dead", "drop", torn)
            assert await run.stop() == 0
        again = await run_once(folder, output)

    assert (before["seen"], before["dead"]) == (6, 2)
    line, record = shown
    assert (line["line"], line["content"]) == (3, TORN)
    assert [row["text"] for row in record["content"]] == [BAD]
    assert early[0] == 3  # it still cannot be read, and stays
    assert early[1]["event"]["refusals"][0]["sequence"] == letters["discovery"]["sequence"]
    assert (replayed[0], replayed[1]["event"]["records"]) == (0, 1)
    assert sorted(row["text"] for row in rows(output)) == sorted(
        [BAD, "one", "three", "four", "five"]
    )
    check_coordinates(output)
    assert (after["seen"], after["mapped"], after["dead"]) == (6, 5, 1)
    assert [one["sequence"] for one in left["items"]] == [letters["discovery"]["sequence"]]
    assert (dropped[0], dropped[1]["event"]["letters"]) == (0, 1)
    assert again.code == 0, again.text
