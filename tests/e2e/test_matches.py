"""Two collections are matched as their public files say, and what is decided outlives a kill."""

import asyncio
import csv
import json
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.e2e.local_run import PATIENCE_S, LiveRun, live_run, rows, write_source
from tests.e2e.test_uploads import mapstream
from tests.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
OURS = ["cordless drill, 18 volts", "claw hammer with a wooden handle", "pocket map of the moon",
        "box of a hundred steel screws"]  # fmt: skip
THEIRS = ["cordless drill, 18 volts", "hammer with wooden handle", "drill without a cord",
          "steel screws, box of 100"]  # fmt: skip
BOTH = {"collection": "ours", "other": "theirs"}


async def is_filled(http: httpx.AsyncClient, run: LiveRun, name: str, texts: list[str]) -> None:
    """Make a collection of a table, and wait until its public files have it."""
    made = await http.post("/api/collections", json={"name": name, "title": name})
    assert made.status_code in (200, 201, 202), made.text
    await is_replaced(http, run, name, texts)


async def is_replaced(http: httpx.AsyncClient, run: LiveRun, name: str, texts: list[str]) -> None:
    """Put a table in the place of the one that there is, and wait for the public files."""
    body = "\n".join(["note", *(f'"{one}"' for one in texts)]).encode()

    async def is_taken() -> bool:
        answer = await http.post(
            f"/api/collections/{name}/sources",
            headers={"x-mapstream-upload": "1"},
            files=[("files", ("list.csv", body))],
            data={"options": json.dumps({"text_columns": ["note"], "replace": True})},
        )
        return answer.status_code == 202 and answer.json()["files"][0]["state"] == "added"

    await until(is_taken)

    async def is_published() -> bool:
        found = await asyncio.to_thread(rows, run.output, name)
        return sorted(one["text"] for one in found) == sorted(texts)

    await until(is_published)


def published(run: LiveRun, name: str) -> tuple[dict[str, str], list[str], np.ndarray]:
    """Return texts by id, ids, and unit vectors in double precision."""
    folder = run.output / name
    texts = {one["id"]: one["text"] for one in pq.read_table(folder / "logs.parquet").to_pylist()}
    vectors = pq.read_table(folder / "embeddings.parquet").to_pylist()
    wide = np.array([one["vector"] for one in vectors], np.float64)
    lengths = np.linalg.norm(wide, axis=1)[:, np.newaxis]
    return texts, [one["id"] for one in vectors], wide / lengths


def expected(run: LiveRun) -> tuple[dict[str, tuple[str, float]], dict[str, str]]:
    """Compute the nearest of each record, and return the texts of ours."""
    texts, ids, own = published(run, "ours")
    _, other_ids, others = published(run, "theirs")
    cosines = own @ others.T
    best = cosines.argmax(axis=1)
    found = {key: (other_ids[best[row]], cosines[row, best[row]]) for row, key in enumerate(ids)}
    return found, texts


async def matches(http: httpx.AsyncClient) -> dict[str, Any] | None:
    """Ask for all pairs; nothing while files are replaced, or discovery is away."""
    answer = await http.get("/api/matches", params=BOTH)
    if answer.status_code == 503:
        return None
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_collections_are_matched_and_what_is_decided_stays(tmp_path: Path) -> None:
    write_source(tmp_path / "runs" / "first.jsonl", 1, "default")
    async with live_run(tmp_path / "runs", tmp_path / "out") as run:
        await run.http()
        async with httpx.AsyncClient(base_url=run.gateway, timeout=PATIENCE_S) as http:
            await is_filled(http, run, "ours", OURS)
            await is_filled(http, run, "theirs", THEIRS)
            told = await until(partial(matches, http))
            wanted, texts = expected(run)
            assert {one["id"]: one["other_id"] for one in told["items"]} == {
                key: one for key, (one, _) in wanted.items()
            }
            for one in told["items"]:
                assert one["score"] == pytest.approx(wanted[one["id"]][1], abs=1e-9)
            assert told["items"][0]["text"] == told["items"][0]["other_text"] == OURS[0]
            assert told["counts"]["linked"] >= 1
            await is_decided(run, http, {text: key for key, text in texts.items()})
            again = await until(partial(matches, http))
            assert {one["id"]: one["other_id"] for one in again["items"]} == {
                one["id"]: one["other_id"] for one in told["items"]
            }
        await is_written(run, tmp_path / "pairs.csv")


async def is_decided(run: LiveRun, http: httpx.AsyncClient, ids: dict[str, str]) -> None:
    """Accept one at the terminal, reject one over HTTP, and fit anew with discovery killed."""
    words = ("theirs", "--collection", "ours")
    code, done = await mapstream(run, "matches", "accept", words[0], ids[OURS[2]], *words[1:])
    assert (code, [one["outcome"] for one in done["items"]]) == (0, ["decided"])
    code, listed = await mapstream(run, "matches", "list", *words, "--state", "linked")
    assert (code, listed["items"][0]["id"]) == (0, ids[OURS[0]])
    first = listed["items"][0]
    pair = {key: first[key] for key in ("id", "other_id", "texts")}
    body = {"decision": "reject", "pairs": [pair]}
    answer = await http.post("/api/matches/decisions", params=BOTH, json=body)
    assert answer.json()["items"][0]["outcome"] == "decided", answer.text

    await run.kill("discovery")
    fitted = await http.post("/recompute-projection?collection=ours", json={"force": True})
    assert fitted.status_code == 200, fitted.text

    counts = (await until(partial(matches, http)))["counts"]
    assert (counts["accepted"], counts["rejected"], sum(counts.values())) == (1, 1, len(OURS))
    audit = (await http.get("/api/audit", params={"collection": "ours"})).json()["items"]
    found = [(one["action"], one["reason"]) for one in audit if one["kind"] == "match"]
    assert found == [("add", "reject"), ("add", "accept")]


async def is_written(run: LiveRun, file: Path) -> None:
    words = ("theirs", str(file), "--collection", "ours", "--state", "accepted")
    code, _ = await mapstream(run, "matches", "export", *words)
    assert code == 0
    with file.open(newline="") as opened:
        (row,) = csv.DictReader(opened)
    assert (row["text"], row["state"], row["decided_by"]) == (OURS[2], "accepted", "anybody")
    code, _ = await mapstream(run, "matches", "list", "ours", "--collection", "ours")
    assert code == 2
