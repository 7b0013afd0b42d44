"""Uploaded files are kept in a bucket: a run begins anew with an empty disk, and reads them."""

import csv
import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.local_run import PATIENCE_S, LiveRun, live_run, rows, write_source
from tests.e2e.test_uploads import PATH, PEOPLE, mapstream, on_map, state_of, table
from tests.s3_server import BUCKET, KEY, SECRET, S3Server, needs_node
from tests.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900), needs_node]


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    """The store, which a run in this environment uses."""
    server = S3Server(tmp_path / "s3").start()
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    for name, value in {
        "URL": f"s3://{BUCKET}/maps",
        "S3_ENDPOINT": server.endpoint,
        "S3_ACCESS_KEY_ID": KEY,
        "S3_SECRET_ACCESS_KEY_FILE": str(tmp_path / "secret"),
    }.items():
        monkeypatch.setenv(f"MAPSTREAM_BLOBS__{name}", value)
    yield server
    server.kill()


async def upload(run: LiveRun, content: bytes) -> str:
    await run.http()
    async with httpx.AsyncClient(base_url=run.gateway, timeout=PATIENCE_S) as http:
        answer = await http.post(
            PATH,
            headers={"x-mapstream-upload": "1"},
            files=[("files", ("people.csv", content))],
            data={"options": json.dumps({"text_columns": ["note"]})},
        )
        assert answer.status_code == 202, answer.text
        (file,) = answer.json()["files"]
        look = (await http.get(f"{PATH}/{file['source_id']}/preview")).json()
        assert look["tables"][0]["rows"] == len(PEOPLE)
    return str(file["job"])


async def waits_for_store(run: LiveRun) -> bool:
    _, told = await mapstream(run, "status")
    return "does not answer" in json.dumps(told)


async def test_files_in_a_bucket_are_read_from_there_and_leave_it_when_they_are_removed(
    tmp_path: Path, server: S3Server
) -> None:
    write_source(tmp_path / "runs" / "first.jsonl", 3, "default")
    content = table(PEOPLE)
    seen = csv.DictReader(io.StringIO(content.decode("cp1252")), delimiter=";")
    wanted = {("people.csv", one["note"]) for one in seen}
    local = tmp_path / "out" / "state" / "blobs"
    async with live_run(tmp_path / "runs", tmp_path / "out") as run:
        job = await upload(run, content)
        await on_map(run, wanted)
        blob, note = server.keys()
        assert note == f"{blob}.meta.json"
        assert (blob.startswith("maps/"), blob.endswith(f"/{job}")) == (True, True)
        assert server.get(blob) == content
        assert await run.stop() == 0

    shutil.rmtree(local)
    async with live_run(tmp_path / "runs", tmp_path / "out") as run:
        await run.http()
        server.kill()
        code, told = await mapstream(
            run, "sources", "reembed", "people.csv", "--collection", "default"
        )
        assert code == 0, told
        (again,) = [one["job"]["id"] for one in told["event"]["jobs"]]
        await until(lambda: waits_for_store(run))
        server.start()

        async def is_done() -> bool:
            return await state_of(run, again) == "succeeded"

        await until(is_done)
        await on_map(run, wanted)
        assert [one.read_bytes() for one in local.glob("cache/??/*")] == [content]

        code, _ = await mapstream(run, "sources", "delete", "people.csv")
        assert code == 0
        await on_map(run, set())
        await until(lambda: server.keys() == [])
        # The one that is kept here goes a moment after the one that is kept there.
        await until(lambda: not [one for one in local.rglob("*") if one.is_file()])
        assert len(rows(run.output)) == 3
