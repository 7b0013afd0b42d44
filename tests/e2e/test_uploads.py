"""Files are uploaded to a run that goes on, and are on the map until somebody removes them."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.local_run import PATIENCE_S, LiveRun, live_run, rows, write_source
from tests.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
PATH = "/api/collections/default/sources"
PEOPLE = [("Ada", "wrote the first program"), ("Grace", "found, it is said, a bug")]
MORE = [("Lise", "understood what was measured"), ("Emmy", "knew why it is kept")]


def table(people: list[tuple[str, str]]) -> bytes:
    lines = [f'{name};"{note}"' for name, note in people]
    return "\r\n".join(["name;note", *lines, ""]).encode("cp1252")


async def mapstream(run: LiveRun, *words: str) -> tuple[int, Any]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.cli", *words, "--output", str(run.output), "--json",
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await process.communicate()
    return process.returncode or 0, json.loads(out) if out.strip() else None


async def on_map(run: LiveRun, wanted: set[tuple[str, str]]) -> None:
    """Wait until the public file has these texts of tables, by the name of their file."""

    async def is_there() -> bool:
        found = await asyncio.to_thread(rows, run.output)
        return {
            (one["filename"], one["text"]) for one in found if "csv" in one["filename"]
        } == wanted

    await until(is_there)


def blobs(run: LiveRun) -> list[Path]:
    folder = run.output / "state" / "blobs"
    return [one for one in folder.glob("??/*") if one.is_file()]


async def account(run: LiveRun) -> dict[str, tuple[str, int]] | None:
    """Kind and mapped records of each source, once nothing is in flight.

    What the killed discovery had in hand comes again only after its ``ack_wait``."""
    _, told = await mapstream(run, "sources", "list", "--collection", "default")
    if any(one["in_flight"] for one in told["sources"]):
        return None
    return {one["filename"]: (one["kind"], one["mapped"]) for one in told["sources"]}


async def state_of(run: LiveRun, job: str) -> str:
    _, told = await mapstream(run, "jobs", "show", job)
    return str(told["items"][0]["state"])


async def has_succeeded(run: LiveRun, job: str) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while await state_of(run, job) != "succeeded":
            await asyncio.sleep(0.2)


async def test_what_is_uploaded_is_on_the_map_until_it_is_removed(tmp_path: Path) -> None:
    write_source(tmp_path / "runs" / "first.jsonl", 3, "default")
    file = tmp_path / "people.csv"
    file.write_bytes(table(MORE))
    async with live_run(tmp_path / "runs", tmp_path / "out") as run:
        await run.http()
        async with httpx.AsyncClient(base_url=run.gateway, timeout=PATIENCE_S) as http:
            given = [("files", ("people.csv", table(PEOPLE))), ("files", ("empty.csv", b""))]
            said = {"options": json.dumps({"text_columns": ["note"], "context_columns": ["name"]})}
            answer = await http.post(
                PATH, headers={"x-mapstream-upload": "1"}, files=given, data=said
            )
            assert answer.status_code == 202, answer.text
            first, refused = answer.json()["files"]
            assert (first["state"], refused["state"]) == ("added", "refused")
            look = (await http.get(f"{PATH}/{first['source_id']}/preview")).json()
            assert look["tables"][0]["rows"] == len(PEOPLE)
            assert (await http.delete(f"/api/sources/{'0' * 32}")).status_code == 404
        first_texts = {("people.csv", note) for _, note in PEOPLE}
        await on_map(run, first_texts)

        await run.kill("discovery")
        words = ("sources", "add", str(file), "--collection", "default", "--text-column", "note")
        code, told = await mapstream(run, *words)
        (taken,) = told["files"]
        assert (code, taken["state"]) in [(0, "added"), (0, "pending")]  # discovery was away
        await on_map(run, first_texts | {("people (2).csv", note) for _, note in MORE})
        assert len(blobs(run)) == 4  # two files, each with its note
        await has_succeeded(run, taken["job"])  # of which is told a little after the files
        code, jobs = await mapstream(run, "jobs", "show", taken["job"])
        (job,) = jobs["items"]
        assert (job["kind"], job["state"], job["filename"]) == (
            "upload", "succeeded", "people (2).csv",
        )  # fmt: skip

        await has_succeeded(run, first["job"])  # what was settled when it was killed comes again
        code, told = await mapstream(run, "sources", "delete", "people.csv", "nobody.csv")
        assert (code, [one["job"] is None for one in told["event"]["jobs"]]) == (0, [False, True])
        await on_map(run, {("people (2).csv", note) for _, note in MORE})
        assert await until(lambda: account(run)) == {
            "first.jsonl": ("folder", 3),
            "people (2).csv": ("upload", 2),
            "people.csv": ("upload", 0),
        }
        assert len(blobs(run)) == 2  # they went before the rows did
