"""What lies behind a URL becomes rows on the map; fetched again unchanged, nothing is new."""

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.cli.adapters.ports import kept_port
from shared.failpoints import VARIABLE, Failpoint
from tests.e2e.analysis_service import Analysis
from tests.e2e.local_run import PATIENCE_S, LiveRun, live_run, rows, write_source
from tests.hostile_http import HostileServer, Request, answer, head, hostile
from tests.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
PEOPLE = b"name,note\nAda,wrote the first program\nGrace,found it is said a bug\n"
MORE = PEOPLE + b"Lise,understood what was measured\n"
POINTS = (Failpoint.FETCHED, Failpoint.KEPT, Failpoint.DELIVERED, Failpoint.ADMITTED)
PROGRAMS = (b"Ada %d,wrote the program number %d\n" % (n, n) for n in range(9))
ITEMS = b"name,note\n" + b"".join(PROGRAMS)


async def mapstream(run: LiveRun, *words: str) -> tuple[int, list[Any]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.cli", *words, "--output", str(run.output), "--json",
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await process.communicate()
    return process.returncode or 0, [json.loads(line) for line in out.splitlines()]


async def fetch(run: LiveRun, *words: str) -> tuple[int, dict[str, Any]]:
    """Fetch and watch the job to its end; returns the exit code and the job."""
    code, told = await mapstream(run, "sources", "fetch", *words, "--watch")
    return code, told[-1]


async def ended(run: LiveRun, job_id: str) -> dict[str, Any]:
    """Return a job once it has ended; while discovery is away, nobody tells of it."""
    async with httpx.AsyncClient(base_url=run.gateway, timeout=PATIENCE_S) as http:

        async def look() -> dict[str, Any] | None:
            answer = await http.get(f"/api/jobs/{job_id}")
            job = answer.json()["items"][0] if answer.status_code == 200 else {"state": "queued"}
            return None if job["state"] in ("queued", "running") else job

        found: dict[str, Any] = await until(look)
        return found


async def on_map(run: LiveRun, wanted: int, filename: str = "people.csv") -> None:
    async def is_there() -> bool:
        found = await asyncio.to_thread(rows, run.output)
        return sum(one["filename"] == filename for one in found) == wanted

    await until(is_there)


async def is_fetched_by_a_schedule(run: LiveRun, url: str) -> None:
    """Have it fetched every few hours: at once, and then by hand."""
    code, told = await mapstream(run, "schedules", "add", url, "--every", "168")
    assert code == 0, told
    schedule = told[0]["items"][0]["id"]
    async with httpx.AsyncClient(base_url=run.gateway, timeout=PATIENCE_S) as http:

        async def succeeded() -> dict[str, Any] | None:
            answer = await http.get("/api/schedules", params={"collection": "default"})
            (one,) = answer.json()["items"] if answer.status_code == 200 else [{}]
            return one if one.get("succeeded_at") else None

        one = await until(succeeded)
        assert (one["ran"], one["missed"], one["is_stale"]) == (1, 0, False), one
        assert (await ended(run, one["runs"][0]["job"]))["created_by"] == f"schedule:{schedule}"
        ran = await http.post(f"/api/schedules/{schedule}/run")
        assert ran.status_code == 200, ran.text
        newest = (await until(succeeded))["runs"][0]
        assert newest["outcome"] == "by hand"
        assert (await ended(run, newest["job"]))["state"] == "succeeded"
    code, told = await mapstream(run, "schedules", "remove", schedule)
    assert code == 0, told


async def is_listed_in_a_manifest(run: LiveRun, server: HostileServer) -> None:
    """Have a list of sources applied: one that is there, one that is new, one that is none."""
    rows = f"People,{server.url('/people.csv')}\nLate,{server.url('/late.csv')}\nBad,ftp://x\n"
    server.replies |= {
        "/list.csv": answer(b"name,url\n" + rows.encode()),
        "/late.csv": answer(PEOPLE),
    }
    words = ("manifests", "apply", server.url("/list.csv"), "--every", "168")
    code, told = await mapstream(run, *words)
    assert code == 0, told
    manifest = told[0]["items"][0]["id"]
    async with httpx.AsyncClient(base_url=run.gateway, timeout=PATIENCE_S) as http:

        async def applied() -> dict[str, Any] | None:
            shown = (await http.get(f"/api/manifests/{manifest}")).json()
            return shown if shown["manifest"]["succeeded_at"] else None

        items = {one["name"]: one for one in (await until(applied))["items"]}
        assert [items[one]["outcome"] for one in ("People", "Late", "Bad")] == ["added"] * 2 + [
            "bad"
        ]
        assert (await ended(run, items["Late"]["job"]))["filename"] == "Late.csv"
        assert "nothing is new" in (await ended(run, items["People"]["job"]))["reason"]
        gone = await http.delete(f"/api/manifests/{manifest}")
        assert gone.status_code == 200, gone.text
    await on_map(run, 2, "Late.csv")


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Analysis]:
    """Not started yet; its port is kept for it, also while it is killed."""
    with kept_port() as port:
        yield Analysis(tmp_path / "analysis", port)


async def test_what_lies_behind_a_url_is_on_the_map_whatever_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, service: Analysis
) -> None:
    cuts = tmp_path / "cuts"
    cuts.mkdir()
    monkeypatch.setenv(VARIABLE, str(cuts))
    monkeypatch.setenv("MAPSTREAM_COURIER__ALLOWED_NETWORKS", '["127.0.0.1"]')
    monkeypatch.setenv("USE_ML_PROCESSING", "true")
    monkeypatch.setenv("ML_ANALYZE_URL", f"http://127.0.0.1:{service.port}")
    monkeypatch.setenv("ML_POLL_INTERVAL_SECONDS", "0.1")
    monkeypatch.setenv("MAPSTREAM_ANALYSIS__REFUSED_WAIT_S", "0.5")
    write_source(tmp_path / "runs" / "first.jsonl", 3, "default")
    served = [PEOPLE]

    async def page(asked: Request, out: asyncio.StreamWriter) -> None:
        tag = f'"{len(served[-1])}"'
        if asked.headers.get("if-none-match") == tag:
            out.write(head(304))
        else:
            out.write(head(200, len(served[-1]), ETag=tag) + served[-1])

    async with hostile() as server, live_run(tmp_path / "runs", tmp_path / "out") as run:
        server.replies |= {"/people.csv": page, "/login": answer(b"<html>log in</html>")}
        await run.http()
        code, told = await mapstream(run, "collections", "rename", "default", "--no-analysis")
        assert (code, told[-1]["event"]["record"]["is_analyzed"]) == (0, False)
        for point in POINTS:
            (cuts / point).touch()

        url = server.url("/people.csv")
        words = ("sources", "fetch", url, "--text-column", "note")
        code, told = await mapstream(run, *words)
        assert code == 0, told
        job = await ended(run, told[0]["event"]["jobs"][0]["job"]["id"])
        assert (job["state"], job["source_version"]) == ("succeeded", 1), job
        await on_map(run, 2)

        code, job = await fetch(run, url)
        assert (code, job["state"]) == (0, "succeeded"), job
        assert "nothing is new" in job["reason"]
        await until(lambda: not list(cuts.iterdir()))  # each of them ended a process
        assert server.asked[-1].headers["if-none-match"] == f'"{len(PEOPLE)}"'
        await is_fetched_by_a_schedule(run, url)
        await is_listed_in_a_manifest(run, server)

        served.append(MORE)
        code, job = await fetch(run, url)
        assert (code, job["filename"], job["source_version"]) == (0, "people.csv", 2), job
        await on_map(run, 3)

        code, job = await fetch(run, server.url("/login"))
        assert (code, job["state"]) == (5, "failed")
        assert "page of HTML" in job["reason"]
        async with httpx.AsyncClient(base_url=run.gateway, timeout=PATIENCE_S) as http:
            listed = (await http.get("/api/collections/default/sources")).json()
            found = {one["filename"]: one for one in listed["items"]}
            assert found["people.csv"]["kind"] == "url"
            assert found["people.csv"]["upload"]["url"] == url
            bad = {"urls": ["http://me:secret@127.0.0.1/x"]}  # pragma: allowlist secret
            refused = await http.post("/api/fetches", json=bad)
            assert (refused.status_code, "secret" in refused.text) == (422, False)
            private = await http.post("/api/fetches", json={"urls": ["http://127.0.0.2/x.csv"]})
            (refused_job,) = private.json()["job_ids"]
            assert "no public address: loopback" in (await ended(run, refused_job))["reason"]

        server.replies["/items.csv"] = answer(ITEMS)
        await reads_elsewhere(run, service, server.url("/items.csv"), cuts)


async def reads_elsewhere(run: LiveRun, service: Analysis, url: str, cuts: Path) -> None:
    """Have a file read by the analysis service, whatever is killed: once, and to its end."""
    code, _ = await mapstream(run, "collections", "rename", "default", "--analysis")
    assert code == 0
    for point in (Failpoint.HANDED_OVER, Failpoint.ANALYSIS_NOTED):
        (cuts / point).touch()
    code, told = await mapstream(run, "sources", "fetch", url)  # nobody is there yet
    assert code == 0, told
    job_id = told[0]["event"]["jobs"][0]["job"]["id"]
    await service.start("--pause", "600")  # it is killed before it has matched
    try:
        await until(lambda: any(one.get("phase") == "matching" for one in service.jobs()))
        await until(lambda: not list(cuts.iterdir()))  # each of them ended a courier
        await service.kill()
        await service.start()
        job = await ended(run, job_id)
        assert (job["state"], job["progress"]["seen"], job["progress"]["dead"]) == (
            "succeeded", 9, 0,
        ), job  # fmt: skip
        assert (job["analysis"]["phase"], job["analysis"]["items_processed"]) == ("complete", 9)
        await on_map(run, 9, "items.csv")
        found = await asyncio.to_thread(rows, run.output)
        texts = {one["text"]: one["attributes"] for one in found if one["filename"] == "items.csv"}
        assert json.loads(texts["wrote the program number 4"]) == {"key": "6", "name": "Ada 4"}
        assert len(service.jobs()) == 1  # handed over once, by the same key
        await is_analysed_when_handed_in(run, service, cuts)

        await service.kill()
        await service.start("--keep-records")
        code, job = await fetch(run, url, "--name", "elsewhere.csv")
        assert (code, job["state"], job["analysis"]["matches_found"]) == (0, "succeeded", 0), job
        assert job["reason"].startswith("delegated: ")
        await speaks_other_words(run, job_id)
    finally:
        await service.kill()


async def is_analysed_when_handed_in(run: LiveRun, service: Analysis, cuts: Path) -> None:
    """Have an uploaded file read by the same service, by the same way, whatever is killed."""
    points = (Failpoint.HANDED_OVER, Failpoint.ANALYSIS_NOTED, Failpoint.KEPT, Failpoint.ADMITTED)
    for point in points:
        (cuts / point).touch()
    async with httpx.AsyncClient(base_url=run.gateway, timeout=PATIENCE_S) as http:
        answer = await http.post(
            "/api/collections/default/sources",
            files={"files": ("handed-in.csv", ITEMS)},
            headers={"X-Mapstream-Upload": "1"},
        )
        assert answer.status_code == 202, answer.text
        (result,) = answer.json()["files"]
    job = await ended(run, result["job"])
    assert (job["kind"], job["state"], job["progress"]["seen"]) == ("upload", "succeeded", 9), job
    assert (job["analysis"]["phase"], job["analysis"]["items_processed"]) == ("complete", 9)
    await until(lambda: not list(cuts.iterdir()))  # each of them ended a process
    await on_map(run, 9, "handed-in.csv")
    assert len(service.jobs()) == 2
    found = await asyncio.to_thread(rows, run.output)
    one = next(
        one
        for one in found
        if (one["filename"], one["text"]) == ("handed-in.csv", "wrote the program number 4")
    )
    assert json.loads(one["attributes"]) == {"key": "6", "name": "Ada 4"}


async def speaks_other_words(run: LiveRun, analyzed: str) -> None:
    """Ask by the paths and words of pages that call things otherwise."""
    async with httpx.AsyncClient(base_url=run.gateway, timeout=PATIENCE_S) as http:
        (group,) = (await http.get("/api/groups")).json()
        assert (group["id"], group["source_count"]) == ("default", 5)
        listed = (await http.get("/api/groups/default/sources")).json()
        files = {one["filename"]: one for one in listed}
        assert (files["items.csv"]["status"], files["items.csv"]["version_label"]) == (
            "embedded",
            "v1",
        )
        job = (await http.get(f"/api/groups/default/embedding-jobs/{analyzed}")).json()
        assert (job["status"], job["source_file_ids"]) == ("completed", [files["items.csv"]["id"]])

        told = (await http.get("/api/admin/sync/status", params={"log_limit": 5})).json()
        found = {one["job_id"]: one for one in told["jobs"]}
        assert (found[analyzed]["phase"], found[analyzed]["status"]) == ("complete", "completed")
        assert found[analyzed]["analysis_progress"]["items_processed"] == 9
        assert {one["name"]: one["use_ml_processing"] for one in told["suppliers"]} == {
            "items.csv": True,
            "people.csv": True,
            "Late.csv": True,
        }
        assert len(told["recent_logs"]) == 5
        (failed,) = [one["job_id"] for one in told["jobs"] if "page of HTML" in str(one["error"])]

        source, none = files["people.csv"]["id"], "0" * 20
        for method, path, body, status in (
            ("GET", "/api/groups/nowhere/sources", None, 404),
            ("GET", f"/api/groups/default/embedding-jobs/{none}", None, 404),
            ("POST", "/api/groups/default/sources/reembed", {"source_ids": []}, 400),
            ("POST", "/api/groups/default/sources/reembed", {"source_ids": [source]}, 202),
            ("DELETE", f"/api/groups/default/sources/{source}?cancels=true", None, 200),
            ("DELETE", f"/api/groups/default/sources/{'0' * 32}", None, 404),
            ("POST", "/api/admin/jobs/nothing!/retry", None, 400),
            ("POST", f"/api/admin/jobs/{none}/retry", None, 404),
            ("POST", f"/api/admin/jobs/{analyzed}/retry", None, 409),
            ("POST", f"/api/admin/jobs/{failed}/retry", None, 202),
        ):
            answer = await http.request(method, path, json=body)
            assert answer.status_code == status, (method, path, answer.text)
        said = {"X-Mapstream-Upload": "1"}
        for name, content, status in (("a.csv", PEOPLE, 202), ("a.pdf", b"%PDF-1.7", 400)):
            sent = {"files[]": (name, content)}
            answer = await http.post("/api/groups/default/sources", files=sent, headers=said)
            assert answer.status_code == status, answer.text
